"""What it costs the viewer that frames are segmented.

``sh .ci/with-screen python benchmarks/responsiveness_compared.py`` runs `responsiveness.py` in turns, as the plugin is
(after) and with the inference thread as important as the viewer (before), and prints both beside each other, with what
the same moves take while nothing runs. Arguments are passed on; without any, `micro` on 12 discs of 100 frames of
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

WAYS = {"before": ("--alike",), "after": ()}
BUSY, IDLE = "propagating", "nothing runs, objects"
USUAL = ["12", "100", "512", "--model", "micro", "--seconds", "12"]


def times(way: str, passed_on: list[str]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of waits and moves of one run, by what was going on."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "times.json"
        script = Path(__file__).with_name("responsiveness.py")
        command = [sys.executable, str(script), *passed_on, *WAYS[way], "--times", str(file)]
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
    chosen, passed_on = parser.parse_known_args()
    found: dict[str, list[dict[str, dict[str, list[float]]]]] = {way: [] for way in WAYS}
    for number in range(chosen.rounds):
        for way in WAYS if number % 2 == 0 else reversed(WAYS):
            found[way].append(times(way, passed_on or USUAL))
            print(f"round {number + 1} of {chosen.rounds}, {way}: done", file=sys.stderr)
    print("| ms | a move, median | 95 % | moves over 100, % | other waits, 95 % | the longest |")
    print("|---|---|---|---|---|---|")
    for way, runs in found.items():
        print(row(f"{way}: nothing runs", [run[IDLE] for run in runs]))
        print(row(f"{way}: frames come in", [run[BUSY] for run in runs]))
    for way, runs in found.items():
        ratios = [np.median(run[BUSY]["moves"]) / np.median(run[IDLE]["moves"]) for run in runs]
        print(f"{way}: a move takes {np.median(ratios):.2f} times as long as with nothing running")


if __name__ == "__main__":
    main()
