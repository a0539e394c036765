"""What the review is worth: ``python benchmarks/review_loop.py FOLDER [CELLS]``, the unpacked HeLa recording in FOLDER.

A simulated user clicks CELLS cells of the first frame (20), once each at the deepest point, propagates, and corrects,
with the widget's own controller and review on a viewer without a window. Two users:

- strip: goes from doubtful place to doubtful place; a mask with an IoU below 0.8 gets one click at the deepest point of
  the larger error, any other is accepted;
- browse: goes through all frames, sees every wrong mask, chooses the object and clicks likewise.

Either corrects an object once per pass, at the first place, and propagates after the pass. Gestures are clicks, keys
and steps of the slider. Cells are those with the longest tracks in the silver truth; where a track ends, as at a
division, there is nothing to compare with, and such a place is accepted.
"""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from napari.components import ViewerModel

sys.path.insert(0, str(Path(__file__).parents[1] / "model"))
from evaluation.recordings import deepest, link, load  # type: ignore[import-not-found]

from napari_sam2.ui.controller import Controller
from napari_sam2.ui.review_actions import ReviewActions
from napari_sam2.ui.review_model import ReviewModel

REGION = (slice(None), slice(50, 450), slice(190, 490))  # that of the demonstration
GOOD = 0.8
PASSES = 3


class Loop:
    """An event loop for a script: runs what is posted, timers at once when nothing else waits."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self._timers: list[Callable[[], None]] = []

    def post(self, call: Callable[[], None]) -> None:
        """See napari_sam2.ui.loop.Loop."""
        self._calls.put(call)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """See napari_sam2.ui.loop.Loop."""
        self._timers.append(call)

    def until(self, done: Callable[[], bool]) -> None:
        """Run what comes until something is done and nothing waits."""
        while not done() or not self._calls.empty() or self._timers:
            try:
                self._calls.get(timeout=0.02)()
            except queue.Empty:
                timers, self._timers = self._timers, []
                for timer in timers:
                    timer()


@dataclass
class User:
    """A viewer with the recording, and what has been done so far."""

    images: np.ndarray
    truth: dict[int, dict[int, np.ndarray]]  # masks by object and frame
    gestures: int = 0
    looks: int = 0
    machine: float = 0.0
    loop: Loop = field(default_factory=Loop)

    def __post_init__(self) -> None:
        self.viewer = ViewerModel()
        self.viewer.add_image(self.images, name="HeLa", contrast_limits=(32990, 34600), axis_labels=("t", "y", "x"))
        self.viewer.dims.set_current_step(0, 0)
        self.control = Controller(self.viewer, self.loop, tell=lambda level, text: None)
        self.model = ReviewModel(self.viewer, self.control, self.loop)
        self.actions = ReviewActions(self.model, lambda level, text: None)

    @property
    def frame(self) -> int:
        return int(self.viewer.dims.current_step[0])

    def settle(self) -> None:
        """Wait for the machine."""
        start, control = time.monotonic(), self.control
        self.loop.until(
            lambda: (
                not (
                    control.previews.waiting
                    or control.propagation.running
                    or control.loading.busy
                    or self.model.measuring.busy
                )
            )
        )
        self.machine += time.monotonic() - start

    def mask(self, object_id: int, frame: int) -> np.ndarray:
        return np.asarray(self.viewer.layers["SAM 2 objects"].data[frame] == object_id)

    def iou(self, object_id: int, frame: int) -> float:
        mask, truth = self.mask(object_id, frame), self.truth[object_id][frame]
        return float((mask & truth).sum() / (mask | truth).sum())

    def begin(self) -> None:
        """One click per cell, and propagate."""
        for object_id in self.truth:
            if object_id > 1:
                self.control.new_object()
                self.gestures += 1
            self.viewer.layers["SAM 2 points"].add((0, *deepest(self.truth[object_id][0])))
            self.gestures += 1
        self.settle()
        self.propagate()

    def propagate(self) -> None:
        self.control.propagate("both", 0, len(self.images) - 1)
        self.gestures += 1
        self.settle()

    def correct(self, object_id: int) -> None:
        """One click into the larger of what is missing and what is too much, on this frame."""
        mask, truth = self.mask(object_id, self.frame), self.truth[object_id][self.frame]
        missing, surplus = truth & ~mask, mask & ~truth
        positive = missing.sum() >= surplus.sum()
        self.control.set_positive(bool(positive))
        self.viewer.layers["SAM 2 points"].add((self.frame, *deepest(missing if positive else surplus)))
        self.control.set_positive(True)
        self.gestures += 1
        self.settle()

    def with_strip(self) -> int:
        """One pass over the doubtful places; returns how many were corrected."""
        corrected: set[int] = set()
        for _ in range(len(self.model.places)):
            if not self.model.places:
                break
            self.actions.next_doubtful()
            self.gestures += 1
            self.looks += 1
            object_id = self.model.current
            if object_id is None or object_id in corrected:
                continue
            known = self.frame in self.truth.get(object_id, {})
            if known and self.iou(object_id, self.frame) < GOOD:
                self.correct(object_id)
                corrected.add(object_id)
            else:
                self.control.accept()
                self.gestures += 1
                self.settle()
        return len(corrected)

    def browsing(self) -> int:
        """One pass over all frames; returns how many were corrected."""
        corrected: set[int] = set()
        for frame in range(len(self.images)):
            self.viewer.dims.set_current_step(0, frame)
            self.gestures += 1
            for object_id, masks in self.truth.items():
                if frame not in masks:
                    continue
                self.looks += 1
                if object_id not in corrected and self.iou(object_id, frame) < GOOD:
                    self.control.select_object(object_id)
                    self.gestures += 1
                    self.correct(object_id)
                    corrected.add(object_id)
        return len(corrected)

    def report(self, what: str) -> None:
        ious = [self.iou(object_id, frame) for object_id, masks in self.truth.items() for frame in masks]
        good = np.mean(np.array(ious) >= GOOD)
        print(
            f"{what:28} gestures {self.gestures:4}  masks looked at {self.looks:5}  machine {self.machine:6.1f} s  "
            f"mean IoU {np.mean(ious):.3f}  IoU >= {GOOD}: {good:.1%} of {len(ious)}",
            flush=True,
        )

    def close(self) -> None:
        self.actions.close()
        self.model.close()
        self.control.close()


def truth_of(masks: np.ndarray, cells: int) -> dict[int, dict[int, np.ndarray]]:
    """The longest tracks of the first frame as masks by object (1, 2, ...) and frame."""
    tracks = [track for track in link(masks) if (masks[0] == track[0]).sum() >= 80]
    longest = sorted(tracks, key=lambda track: (-len(track), track[0]))[:cells]
    return {
        number: {frame: masks[frame] == label for frame, label in enumerate(track)}
        for number, track in enumerate(longest, 1)
    }


def main() -> None:
    recording = load("HeLa", Path(sys.argv[1]))
    cells = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    truth = truth_of(recording.masks[REGION], cells)
    for name in ("strip", "browse"):
        user = User(np.ascontiguousarray(recording.images[REGION]), truth)
        user.begin()
        user.report(f"{name}: one click each")
        for number in range(1, PASSES + 1):
            corrected = user.with_strip() if name == "strip" else user.browsing()
            if corrected:
                user.propagate()
            user.report(f"{name}: pass {number}, {corrected} corrected")
            if not corrected:
                break
        user.close()


if __name__ == "__main__":
    main()
