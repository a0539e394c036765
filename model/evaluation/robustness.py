"""What helps among look-alikes: ``python -m evaluation.robustness --data FOLDER``.

One-click tracking with rules of the tracker switched off, and with rules that were tried and not kept: a bonus for
the candidate that overlaps the mask of the frame before (motion), memories left out whose predicted IoU is low, and a
memory of distractors. Prints the mean IoU, and how often an object jumped to another one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
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
from evaluation.stacks import FRAMES, Stack, recording, simulated
from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import TrackerOptions
from napari_sam2.tracking.memory_bank import MemoryBank, Remembered, Selection
from napari_sam2.tracking.network import OUTSIDE_LOGIT, Network
from napari_sam2.tracking.objects import Answer

OPTIONS = {
    "as it is": TrackerOptions(),
    "no owners": TrackerOptions(one_owner=False),
    "absences remembered": TrackerOptions(skip_absent=False),
    "one look": TrackerOptions(second_looks=False),
}
MOTION = {"motion 0.3": 0.3, "motion 0.7": 0.7}
SURE = {"memory >= 0.4": 0.4, "memory >= 0.6": 0.6}
DISTRACTORS = {"distractors, 2": 2, "distractors, 4": 4}


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


def _beside_a_distractor(answer: Answer) -> bool:
    """The mask is sure, and another candidate reaches far beyond it: something alike lies beside the object.

    The rule and its figures are those of Videnovic et al., "A distractor-aware memory for visual object tracking with
    SAM2" (CVPR 2025): sure means a predicted IoU above 0.8, and far that the box of both together is larger than the
    mask's own by more than a factor of 1 / 0.7.
    """
    if answer.object_score <= 0 or answer.predicted_iou < 0.8:
        return False
    own = answer.logits[0] > 0
    return any(_box_area(own) < 0.7 * _box_area(own | (other > 0)) for other in answer.candidates)


def _box_area(mask: Tensor) -> int:
    rows, columns = torch.nonzero(mask, as_tuple=True)
    return int((rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)) if len(rows) else 0


@contextmanager
def distractors(most: int) -> Iterator[None]:
    """The last ``most`` frames beside a distractor stay in the memory when they have left the six, as its oldest."""
    remembered, track, select = Network._remembered, MemoryBank.track, MemoryBank.select

    def marked(answer: Answer, memory_map: Tensor) -> Remembered:
        entry = remembered(answer, memory_map)
        if _beside_a_distractor(answer):
            object.__setattr__(entry, "telling", True)
        return entry

    def track_and_keep(bank: Any, entry: Remembered) -> None:
        track(bank, entry)
        if getattr(entry, "telling", False):
            # On the bank itself, so that it goes with its object.
            bank.telling = [*getattr(bank, "telling", []), entry][-2 * most - bank.config.memories :]

    def with_kept(bank: Any, frame: int, *args: Any, **more: Any) -> Selection:
        chosen = select(bank, frame, *args, **more)
        oldest = bank.config.memories - 1
        side = chosen.maps[-1].map.shape[-1] if chosen.maps else None
        far = [e for e in getattr(bank, "telling", []) if frame - e.frame > oldest and e.fits(side)][-most:]
        count = chosen.ages.count(0)
        maps = (*chosen.maps[:count], *far, *chosen.maps[count:])
        return replace(chosen, maps=maps, ages=(*chosen.ages[:count], *[oldest] * len(far), *chosen.ages[count:]))

    with (
        patch.object(Network, "_remembered", staticmethod(marked)),
        patch.object(MemoryBank, "track", track_and_keep),
        patch.object(MemoryBank, "select", with_kept),
    ):
        yield


def result(model: Sam2, stacks: list[Stack], options: TrackerOptions) -> tuple[float, int]:
    """Mean IoU of the objects that are there, and the number of jumps."""
    answers = [answer for stack in stacks for answer in tracked_answers(model, stack, "click", options)]
    return float(np.mean([answer.iou for answer in answers if answer.there])), switches(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="micro")
    parser.add_argument("--rules", nargs="*", default=[], help="only these columns of the table")
    parser.add_argument("--kinds", nargs="*", default=KINDS, help="only these kinds of simulated scenes")
    parser.add_argument("--frames", type=int, default=FRAMES, help="length of the simulated scenes")
    options = parser.parse_args()
    model = ns.load_model(options.model)
    ways: dict[str, tuple[TrackerOptions, Callable[[], AbstractContextManager[None]]]]
    ways = {name: (chosen, nullcontext) for name, chosen in OPTIONS.items()}
    ways |= {name: (TrackerOptions(), partial(motion, weight)) for name, weight in MOTION.items()}
    ways |= {name: (TrackerOptions(), partial(sure_memories, least)) for name, least in SURE.items()}
    ways |= {name: (TrackerOptions(), partial(distractors, most)) for name, most in DISTRACTORS.items()}
    ways = {name: way for name, way in ways.items() if not options.rules or name in options.rules}
    print("| data | " + " | ".join(ways) + " |")
    print("|" + "---|" * (len(ways) + 1))
    hela = recording("HeLa", options.data)
    # Every third cell: all of them in so many ways would take long, and their neighbours are there all the same.
    sets = {"HeLa": [replace(hela, tracks=hela.tracks[::3])], "CHO": [recording("CHO", options.data)]}
    rows = []
    for name, stacks in (*sets.items(), *((kind, simulated(kind, frames=options.frames)) for kind in options.kinds)):
        row = []
        for chosen, rule in ways.values():
            with rule():
                row.append(result(model, stacks, chosen))
        rows.append(row)
        print(f"| {name} | " + " | ".join(f"{iou:.3f}, {jumps}" for iou, jumps in row) + " |", flush=True)
    simulated_rows = np.array(rows[len(sets) :])
    means = zip(simulated_rows[..., 0].mean(0), simulated_rows[..., 1].sum(0), strict=True)
    print("| simulated, all | " + " | ".join(f"{iou:.3f}, {jumps:.0f}" for iou, jumps in means) + " |")


if __name__ == "__main__":
    main()
