"""Scores of a model on the real recordings: ``python -m evaluation --data FOLDER [--model micro]``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import napari_sam2 as ns
from evaluation.recordings import IMAGES, Recording, load
from evaluation.scores import image_ious, proposal_scores, tracking_ious
from napari_sam2.sam2 import Sam2

SCORES = ("click", "box", "track", "track-mask", "propose")
# HeLa has up to 195 objects a frame: three frames give 480 of them.
FRAMES = {"HeLa": (0, 10, 19), "CHO": range(20), "bacteria": range(20)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the recordings")
    parser.add_argument("--model", default="micro", help="name or file")
    parser.add_argument("--only", choices=sorted(IMAGES), nargs="*", default=list(IMAGES))
    parser.add_argument("--scores", choices=SCORES, nargs="*", default=list(SCORES))
    parser.add_argument("--every", type=int, default=1, help="use every Nth of the frames of the image scores")
    options = parser.parse_args()
    model = ns.load_model(options.model)
    print("| recording | score | mean IoU | median | share >= 0.5 | count | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name in options.only:
        recording = load(name, options.data)
        for score in options.scores:
            begin = time.perf_counter()
            if score == "propose":
                proposing(model, recording)
                continue
            if score.startswith("track"):
                values = tracking_ious(model, recording, prompt="mask" if score == "track-mask" else "click")[:, 2]
            else:
                values = image_ious(model, recording, FRAMES[name][:: options.every], score)
            spent = time.perf_counter() - begin
            print(
                f"| {name} | {score} | {values.mean():.3f} | {np.median(values):.3f} | {(values >= 0.5).mean():.2f} "
                f"| {len(values)} | {spent:.0f} |",
                flush=True,
            )


def proposing(model: Sam2, recording: Recording) -> None:
    """Print how well the proposals for the first frame, without any prompt, meet the silver truth."""
    begin = time.process_time()
    precision, recall, quality, found = proposal_scores(model, recording, 0)
    spent = time.process_time() - begin
    print(
        f"| {recording.name} | propose | {quality:.3f} | precision {precision:.2f} | recall {recall:.2f} | {found} "
        f"| {spent:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
