"""Where to look: the whole frame, or a window that follows its object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking import scale
from napari_sam2.tracking.memory_bank import Remembered
from napari_sam2.tracking.network import Network
from napari_sam2.tracking.objects import Answer, Interaction, TrackedObject
from napari_sam2.tracking.view import View

CHANGE_PER_FRAME = 1.07
"""A window grows or shrinks by at most this from one frame to the next."""
CHANGE_IN_ALL = 2.5
"""A window stays within this of the one at the prompt, so that a leaking mask does not run away."""
REFIT = 1.25
"""At a first click, a window that is off by more than this is fitted to the mask and asked again."""
MARGIN = 0.06
"""A click in this outer share of a window asks for another window."""


def _place(yx: NDArray[Any]) -> tuple[float, float]:
    return float(yx[0]), float(yx[1])


class Viewer:
    """Chooses the view of every object and frame."""

    def __init__(self, network: Network, windows: bool) -> None:
        self.network, self.windows = network, windows
        self.ratio = network.options.window_ratio
        self.shape = network.frames.shape

    def for_prompt(self, thing: TrackedObject, frame: int, said: list[Interaction], earlier: Answer | None) -> View:
        """View in which prompts on ``frame`` are answered. Sets the size of the object's windows where it is found."""
        if not self.windows:
            return View.whole(self.shape)
        last = said[-1]
        if last.mask is not None or last.box is not None:
            return self._fitted(thing, last)
        near = earlier or thing.bank.tracked.get(frame)
        if near is not None and self._holds(near.view, last.points):
            return near.view
        if near is not None and earlier is not None:
            return self._around(near.view, last)
        # With several clicks the window must hold them all, whatever the first one seems to mean.
        low, high = last.points.min(0), last.points.max(0)
        centre, reach = _place((low + high) / 2), 1.7 * float((high - low).max())
        if thing.side is None:
            first = last.points[int(np.argmax(last.labels == 1))]
            around, thing.side = scale.from_click(self.network, frame, _place(first), self.ratio)
            centre = centre if reach else around
        return View.window(centre, max(thing.side, reach), self.shape)

    def _fitted(self, thing: TrackedObject, step: Interaction) -> View:
        """Window of a mask or box, which say the size themselves."""
        if step.mask is not None:
            centre, thing.side = scale.from_mask(step.mask, self.ratio)
        elif step.box is not None:
            centre, thing.side = scale.from_box(step.box, self.ratio)
        else:
            raise ValueError("got points, expected a mask or a box")
        return View.window(centre, thing.side, self.shape)

    def _holds(self, view: View, places: NDArray[Any]) -> bool:
        y = (places[:, 0] - view.y + 0.5) / view.height
        x = (places[:, 1] - view.x + 0.5) / view.width
        inside = (np.minimum(y, x) >= 0) & (np.maximum(y, x) <= 1)
        # Along the frame's border a window cannot move further out.
        inner = (np.minimum(y, x) >= MARGIN) & (np.maximum(y, x) <= 1 - MARGIN)
        whole = View.window(view.centre, view.side, self.shape) == view and view.side >= max(self.shape)
        return bool(inside.all() if whole else (inner | self._at_border(places, view)).all() and inside.all())

    def _at_border(self, places: NDArray[Any], view: View) -> np.ndarray:
        near = MARGIN * view.side
        y, x = places[:, 0], places[:, 1]
        return (y < near) | (x < near) | (y > self.shape[0] - 1 - near) | (x > self.shape[1] - 1 - near)

    def _around(self, view: View, step: Interaction) -> View:
        """A larger window that holds ``view`` and the clicks."""
        y0, x0 = np.minimum([view.y, view.x], step.points.min(0))
        y1, x1 = np.maximum([view.y + view.height, view.x + view.width], step.points.max(0))
        side = 1.15 * max(y1 - y0, x1 - x0)
        return View.window(((y0 + y1) / 2, (x0 + x1) / 2), side, self.shape)

    def refitted(self, thing: TrackedObject, answer: Answer, said: Sequence[Interaction]) -> View | None:
        """A better window for first clicks that holds them all, or None where the present one will do."""
        if not self.windows:
            return None
        found = scale.measure(answer.logits[0], answer.view)
        if found is None:
            return None
        area, extent, centre = found
        side = scale.side_for(area, extent, self.ratio)
        change = side / answer.view.side
        if 1 / REFIT < change < REFIT:
            return None
        better = View.window(centre, side, self.shape)
        if not self._holds(better, np.concatenate([step.points for step in said])):
            return None
        thing.side = side
        return better

    def following(self, thing: TrackedObject, frame: int, *, backward: bool) -> View:
        """View for tracking: a window goes where the object was in the nearest remembered frame, and grows with it."""
        if not self.windows:
            return View.whole(self.shape)
        near: Remembered | None = thing.bank.latest(frame, backward=backward)
        if near is None:
            return View.whole(self.shape)
        found = scale.measure(near.logits[0], near.view)
        if found is None:
            return near.view
        area, extent, centre = found
        side = float(near.view.side)
        if near.predicted_iou > 0.5:
            wanted = scale.side_for(area, extent, self.ratio)
            side *= float(np.clip(wanted / side, 1 / CHANGE_PER_FRAME, CHANGE_PER_FRAME))
            if thing.side is not None:
                side = float(np.clip(side, thing.side / CHANGE_IN_ALL, thing.side * CHANGE_IN_ALL))
        return View.window(centre, side, self.shape)
