"""Compare napari_sam2 with Meta's code and print a Markdown table.

    python tests/oracle/compare.py --all                      against the golden files, all eight variants at 1024
    python tests/oracle/compare.py --all --full DIR           against whole maps from `make_golden.py --full DIR`
    python tests/oracle/compare.py --case main-256 --all

Exit status 1 when a difference is larger than the tolerance.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from parity import ours
from parity.cases import VARIANTS, make_case, run_case
from parity.record import Difference, compare, to_arrays

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
TOLERANCE = 1e-3


def compare_case(path: Path, *, full: bool) -> list[Difference]:
    """Run our side of one recording of Meta's (golden file or whole maps) and compare."""
    variant, _, name = path.stem.partition("-")
    with np.load(path) as file:
        theirs = dict(file)
    case = make_case(name)
    model = ours.build(variant, case.image_size, float(theirs.pop("bias")))
    return compare(to_arrays(run_case(ours, model, case), full=full), theirs)


def say(text: str) -> None:
    """One line on standard output, at once: a run takes long."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", help="default: main-1024")
    parser.add_argument("--variant", action="append", choices=VARIANTS, default=[])
    parser.add_argument("--all", action="store_true", help="all eight variants")
    parser.add_argument("--full", type=Path, metavar="DIR", help="compare whole maps found in DIR")
    options = parser.parse_args()
    say("| variant | scenario | maps | absent | max difference / range | object score | predicted IoU | seconds |")
    say("|---|---|---|---|---|---|---|---|")
    worst = 0.0
    for name in options.case or ["main-1024"]:
        for variant in VARIANTS if options.all else options.variant:
            path = (options.full or GOLDEN) / f"{variant}-{name}.npz"
            if not path.exists():
                say(f"| {variant} | {name}: no {path.name}, make it with make_golden.py | | | | | | |")
                worst = np.inf
                continue
            started = time.perf_counter()
            found = compare_case(path, full=options.full is not None)
            seconds = time.perf_counter() - started
            for d in found:
                worst = max(worst, d.logits)
                say(
                    f"| {variant} | {name} {d.group} | {d.maps} | {d.absent} | {d.logits:.1e} | {d.scores:.1e} "
                    f"| {d.ious:.1e} | {seconds:.0f} |"
                )
                if d.logits > TOLERANCE:
                    sys.stderr.write(f"{variant} {name} {d.group}: largest difference at {d.worst}\n")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
