"""What it costs the viewer that frames are segmented.

``sh .ci/with-screen python benchmarks/responsiveness_compared.py`` runs `responsiveness.py` in turns with several
nicenesses of the inference thread, 0 being as important as the viewer, and prints them beside each other, with what the
same moves take while nothing runs. Other arguments are passed on; without any, `micro` on 12 discs of 100 frames of
512 x 512.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from napari_sam2.ui.politeness import NICENESS

BUSY, IDLE = "propagating", "nothing runs, objects"
USUAL = ["12", "100", "512", "--model", "micro", "--seconds", "12"]


def times(niceness: int, passed_on: list[str]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of waits and moves of one run, by what was going on."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "times.json"
        script = Path(__file__).with_name("responsiveness.py")
        command = [sys.executable, str(script), *passed_on, "--niceness", str(niceness), "--times", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return dict(json.loads(file.read_text()))


def row(name: str, runs: list[dict[str, list[float]]]) -> str:
    """One line of the table: medians over the runs."""
    figures = [
        (
            np.median(run["moves"]),
            np.quantile(run["moves"], 0.95),
            100 * np.mean(np.array(run["moves"]) > 100),
            np.quantile(run["waits"], 0.95),
            np.max(run["waits"]),
        )
        for run in runs
    ]
    middle = np.median(figures, axis=0)
    return f"| {name} | " + " | ".join(f"{value:.0f}" for value in middle) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--niceness", type=int, nargs="+", default=[0, NICENESS, 10])
    chosen, passed_on = parser.parse_known_args()
    found: dict[int, list[dict[str, dict[str, list[float]]]]] = {niceness: [] for niceness in chosen.niceness}
    for number in range(chosen.rounds):
        for niceness in found if number % 2 == 0 else reversed(found):
            found[niceness].append(times(niceness, passed_on or USUAL))
            print(f"round {number + 1} of {chosen.rounds}, niceness {niceness}: done", file=sys.stderr)
    print("| ms | a move, median | 95 % | moves over 100, % | other waits, 95 % | the longest |")
    print("|---|---|---|---|---|---|")
    for niceness, runs in found.items():
        print(row(f"niceness {niceness}: nothing runs", [run[IDLE] for run in runs]))
        print(row(f"niceness {niceness}: frames come in", [run[BUSY] for run in runs]))
    for niceness, runs in found.items():
        ratios = [np.median(run[BUSY]["moves"]) / np.median(run[IDLE]["moves"]) for run in runs]
        print(f"niceness {niceness}: a move takes {np.median(ratios):.2f} times as long as with nothing running")


if __name__ == "__main__":
    main()
