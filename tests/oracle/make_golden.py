"""Make the golden files of tests/golden with Meta's own code.

    python tests/oracle/make_golden.py main-256 --variant sam2.1_hiera_tiny
    python tests/oracle/make_golden.py main-1024 --all --full DIR

Needs an environment with sam2==1.1.0, torch and torchvision (no GPU, no checkpoint). With --full the whole maps are
written to DIR as well, for `compare.py --full DIR`. With --calibrate the bias of the object-score head is looked for
first, and written to parity/object_score_bias.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from parity import meta
from parity.cases import BIASES, VARIANTS, Case, make_case, run_case
from parity.record import Recording, to_arrays
from parity.scenarios import Propagate
from parity.weights import OBJECT_SCORE_BIAS_KEY

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NEAREST_SCORE, NEAREST_IOU = 0.005, 1e-4
"""A decision (absent or present, which candidate) nearer to its threshold than this could fall either way."""


def say(text: str) -> None:
    """One line of progress on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def absences(case: Case, recording: Recording) -> tuple[float, int, int, bool]:
    """Nearest score to 0, absences while tracking, presences while tracking, whether an object comes back.

    By itself on a later frame, or where the user corrects it.
    """
    steps = {session.name: session.steps for session in case.sessions}
    tracked: dict[tuple[str, int, int], list[float]] = {}
    lost: dict[tuple[str, int, int], float] = {}
    found = False
    for r in recording.videos:  # frames ascend
        step = steps[r.session][r.step]
        found |= r.score > 0 and lost.get((r.session, r.object_id, r.frame), 1.0) <= 0
        lost[r.session, r.object_id, r.frame] = r.score
        if isinstance(step, Propagate):
            run = tracked.setdefault((r.session, r.step, r.object_id), [])
            run.insert(0 if step.direction == "backward" else len(run), r.score)
    scores = np.concatenate(list(tracked.values()))
    back = any(np.any(np.diff((np.array(run) > 0).astype(int)) > 0) for run in tracked.values())
    return float(np.abs(scores).min()), int((scores <= 0).sum()), int((scores > 0).sum()), bool(back or found)


def calibrate(model: torch.nn.Module, case: Case, tries: int = 12) -> tuple[float, Recording] | None:
    """Look for a bias with absent and present objects, one that comes back, and no score near zero.

    Candidates lie in the gaps between the scores of the first propagation at bias 0, those that leave a third of the
    objects absent first. A score changes once an object has been absent, so every candidate has to be tried. Returns
    the bias with the recording of the sessions that was made with it.
    """
    bias = model.state_dict()[OBJECT_SCORE_BIAS_KEY]
    bias.fill_(0.0)
    first = case.sessions[0]
    ends = [isinstance(step, Propagate) for step in first.steps].index(True) + 1
    start = replace(case, image=False, sessions=(replace(first, steps=first.steps[:ends]),))
    free = np.sort([r.score for r in run_case(meta, model, start).videos if r.score != 10])
    gaps = np.flatnonzero(np.diff(free) > 6 * NEAREST_SCORE)
    gaps = gaps[np.argsort(np.abs(gaps / len(free) - 0.33))]
    places = [(gap, part) for part in (0.5, 0.15, 0.85) for gap in gaps]
    for gap, part in places[:tries]:
        bias.fill_(-float(np.round(free[gap] + part * (free[gap + 1] - free[gap]), 3)))
        recording = run_case(meta, model, case)
        nearest, absent, present, back = absences(case, recording)
        say(f"  bias {float(bias):.3f}: nearest {nearest:.3f}, {absent} absent, {present} present, back {back}")
        if nearest > NEAREST_SCORE and absent >= len(free) / 8 and present >= len(free) / 4 and back:
            return round(float(bias), 3), recording
    return None


def check(case: Case, recording: Recording) -> None:
    """Refuse a recording that would not be a good witness."""
    if case.name.startswith(("main", "long", "absent", "unfilled")):
        nearest, absent, present, back = absences(case, recording)
        if not (nearest > NEAREST_SCORE and absent and present and back):
            raise SystemExit(f"{case.name}: {absent} absences, {present} presences, back {back}, nearest {nearest:.3f}")
    margin = min(r.margin for r in recording.videos)
    if margin < NEAREST_IOU:
        raise SystemExit(f"{case.name}: two candidate masks differ by {margin:.1e} only in predicted IoU")


def make(name: str, variant: str, full: Path | None, calibrating: bool) -> None:
    """One case of one variant."""
    started = time.perf_counter()
    case = make_case(name)
    biases = json.loads(BIASES.read_text())
    bias = biases.get(f"{variant}-{name}", 0.0)
    model = meta.build(variant, case.image_size, bias)
    if calibrating:
        found = calibrate(model, case)
        if found is None:
            raise SystemExit(f"{variant} {name}: no bias does")
        bias, recording = found
        biases[f"{variant}-{name}"] = bias
        BIASES.write_text(json.dumps(biases, indent=2, sort_keys=True) + "\n")
    else:
        recording = run_case(meta, model, case)
    check(case, recording)
    if full is not None:
        full.mkdir(parents=True, exist_ok=True)
        np.savez(full / f"{variant}-{name}.npz", bias=bias, **to_arrays(recording, full=True))
    GOLDEN.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN / f"{variant}-{name}.npz", bias=bias, **to_arrays(recording, full=False))
    say(f"{variant} {name}: {len(recording.videos)} maps ({time.perf_counter() - started:.0f} s)")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="+", help="main-1024, main-256, long-256, short-1024, ...")
    parser.add_argument("--variant", action="append", choices=VARIANTS, default=[])
    parser.add_argument("--all", action="store_true", help="all eight variants")
    parser.add_argument("--full", type=Path, metavar="DIR", help="write whole maps to DIR as well")
    parser.add_argument("--calibrate", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    with torch.inference_mode():
        for name in options.case:
            for variant in VARIANTS if options.all else options.variant:
                make(name, variant, options.full, options.calibrate)


if __name__ == "__main__":
    main()
