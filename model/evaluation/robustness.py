"""What helps among look-alikes: ``python -m evaluation.robustness --data FOLDER``.

One-click tracking with rules of the tracker switched off, and with rules that were tried and not kept: a bonus for the
candidate that overlaps the mask of the frame before (motion), and memories left out whose predicted IoU is low. Prints
the mean IoU, and how often an object jumped to another one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from simulator import KINDS
from torch import Tensor

import napari_sam2 as ns
from evaluation.report import switches
from evaluation.scores import tracked_answers
from evaluation.stacks import Stack, recording, simulated
from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import TrackerOptions
from napari_sam2.tracking.memory_bank import Remembered
from napari_sam2.tracking.network import OUTSIDE_LOGIT, Network

OPTIONS = {
    "as it is": TrackerOptions(),
    "no owners": TrackerOptions(one_owner=False),
    "absences remembered": TrackerOptions(skip_absent=False),
    "one look": TrackerOptions(second_looks=False),
}
MOTION = {"motion 0.3": 0.3, "motion 0.7": 0.7}
SURE = {"memory >= 0.4": 0.4, "memory >= 0.6": 0.6}


def _before(network: Network, frame: int, view: Any, selection: Any) -> Tensor:
    """The object's mask of the nearest remembered frame, as the view shows it."""
    tracked = [(age, entry) for age, entry in zip(selection.ages, selection.maps, strict=True) if age]
    nearest = min(tracked, key=lambda one: one[0])[1] if tracked else selection.maps[0]
    logits = nearest.logits
    if nearest.view != view:
        logits = nearest.view.resample(logits, view, OUTSIDE_LOGIT, 4 * network.tokens(view))
    return logits[0] > 0


@contextmanager
def motion(weight: float) -> Iterator[None]:
    """Candidates are ranked by predicted IoU plus ``weight`` times the overlap with the mask before."""
    plain, segment = Network._track, Sam2.segment

    def track(self: Network, frame: int, glance: Any, batch: list[int], views: Any, selections: Any) -> Any:
        before = torch.stack([_before(self, frame, views[i], selections[i]) for i in batch])[:, None]

        def prefer(logits: Tensor, ious: Tensor) -> Tensor:
            now = logits > 0
            either = (now | before).flatten(2).sum(2).clamp(min=1)
            return ious + weight * (now & before).flatten(2).sum(2) / either

        def ranked(model: Sam2, *args: Any, **more: Any) -> Any:
            return segment(model, *args, **{**more, "prefer": prefer})

        with patch.object(Sam2, "segment", ranked):
            return plain(self, frame, glance, batch, views, selections)

    with patch.object(Network, "_track", track):
        yield


@contextmanager
def sure_memories(least: float) -> Iterator[None]:
    """Tracked frames whose predicted IoU is below ``least`` leave no memory."""
    present = property(lambda entry: entry.object_score > 0 and entry.predicted_iou >= least)
    with patch.object(Remembered, "present", present):
        yield


def result(model: Sam2, stacks: list[Stack], options: TrackerOptions) -> tuple[float, int]:
    """Mean IoU of the objects that are there, and the number of jumps."""
    answers = [answer for stack in stacks for answer in tracked_answers(model, stack, "click", options)]
    return float(np.mean([answer.iou for answer in answers if answer.there])), switches(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="micro")
    options = parser.parse_args()
    model = ns.load_model(options.model)
    columns = [*OPTIONS, *MOTION, *SURE]
    print("| data | " + " | ".join(columns) + " |")
    print("|" + "---|" * (len(columns) + 1))
    hela = recording("HeLa", options.data)
    # Every third cell: all of them in seven ways would take long, and their neighbours are there all the same.
    sets = {"HeLa": [replace(hela, tracks=hela.tracks[::3])], "CHO": [recording("CHO", options.data)]}
    rows = []
    for name, stacks in (*sets.items(), *((kind, simulated(kind)) for kind in KINDS)):
        row = [result(model, stacks, chosen) for chosen in OPTIONS.values()]
        for weight in MOTION.values():
            with motion(weight):
                row.append(result(model, stacks, TrackerOptions()))
        for least in SURE.values():
            with sure_memories(least):
                row.append(result(model, stacks, TrackerOptions()))
        rows.append(row)
        print(f"| {name} | " + " | ".join(f"{iou:.3f}, {jumps}" for iou, jumps in row) + " |", flush=True)
    simulated_rows = np.array(rows[len(sets) :])
    means = zip(simulated_rows[..., 0].mean(0), simulated_rows[..., 1].sum(0), strict=True)
    print("| simulated, all | " + " | ".join(f"{iou:.3f}, {jumps:.0f}" for iou, jumps in means) + " |")


if __name__ == "__main__":
    main()
