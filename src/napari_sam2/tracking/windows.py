"""Where to look: the whole frame, or a window that follows its object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking import scale, second_look
from napari_sam2.tracking.memory_bank import Remembered
from napari_sam2.tracking.network import Network
from napari_sam2.tracking.objects import Answer, Interaction, TrackedObject
from napari_sam2.tracking.plates import SMALLEST_STEP, LatticeView, step_for
from napari_sam2.tracking.view import View

CHANGE_PER_FRAME = 1.07
"""A window grows or shrinks by at most this from one frame to the next."""
CHANGE_IN_ALL = 2.5
"""A window stays within this of the one at the prompt, so that a leaking mask does not run away."""
REFIT = 1.25
"""At a first click, a window that is off by more than this is fitted to the mask and asked again."""
FEWEST_TOKENS = 2.0
"""Diameter of an object, in tokens, below which a published model is shown a smaller plate at a larger scale, one step
after the other. It never sees less than in Meta's code, which squashes every frame into one plate; every further step
takes four times the encodings."""
PLATES_APART = 0.5
"""Distance of the plates in which prompts are answered, as a share of their side: neighbours are asked in the same."""
FEWEST_AROUND = 16
"""Side of the part of a plate that an object is followed in, in tokens, at least."""
MOST_OF_A_PLATE = 0.75
"""A part that would be larger than this is the whole plate."""
MARGIN = 0.06
"""A click in this outer share of a window asks for another window."""


def _place(yx: NDArray[Any]) -> tuple[float, float]:
    return float(yx[0]), float(yx[1])


class Viewer:
    """Chooses the view of every object and frame.

    There are three ways. *Whole*: the frame, squashed to the network's input, as Meta's code does. *Windows*, for
    models that are made for them: a square around the object that fills the input; while tracking it lies on the
    lattice that its neighbours share. *Parts*, for the published models: prompts are answered from a plate that fills
    the input, and from there on only the tokens around the object take part in memory attention, decoder and memory. A
    frame is one plate, or more where its objects would be too small in it.
    """

    def __init__(self, network: Network) -> None:
        options, config = network.options, network.config
        self.network = network
        self.windows = options.view == "windows" or (options.view == "auto" and config.windows)
        self.parts = options.view != "frame" and not config.windows
        self.windows = self.windows and not self.parts
        self.shared = options.share_windows
        self.ratio = options.window_ratio
        self.shape = network.frames.shape

    def for_prompt(self, thing: TrackedObject, frame: int, said: list[Interaction], earlier: Answer | None) -> View:
        """View in which prompts on ``frame`` are answered. Sets the size of the object's windows where it is found."""
        last = said[-1]
        if self.parts:
            return self._plate_for(thing, frame, last, earlier)
        if not self.windows:
            return View.whole(self.shape)
        if last.mask is not None or last.box is not None:
            return self._fitted(thing, last)
        near = earlier or thing.bank.tracked.get(frame)
        if near is not None and self._holds(near.view, last.points):
            return near.view
        if near is None and frame in thing.seen:
            tracked = self.following(thing, frame, backward=thing.seen[frame])
            if self._holds(tracked, last.points):
                return tracked
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

    def _side_for(self, area: float, extent: float) -> float:
        """Side of the window for an object; what a mask covers beyond the frame is no part of it."""
        height, width = self.shape
        return scale.side_for(min(area, height * width), min(extent, max(height, width)), self.ratio)

    def refitted(self, thing: TrackedObject, answer: Answer, said: Sequence[Interaction]) -> View | None:
        """A better window for first clicks that holds them all, or None where the present one will do."""
        found = scale.measure(answer.logits[0], answer.view) if self.windows or self.parts else None
        if found is None:
            return None
        area, extent, centre = found
        if self.parts:
            return self._finer(area, centre, answer)
        side = self._side_for(area, extent)
        change = side / answer.view.side
        if 1 / REFIT < change < REFIT:
            return None
        better = View.window(centre, side, self.shape)
        if not self._holds(better, np.concatenate([step.points for step in said])):
            return None
        thing.side = side
        return better

    def second_looks(self, view: View, said: Sequence[Interaction]) -> tuple[View, ...]:
        """Other windows in which a first, single click or box answered in ``view`` is to be asked again."""
        if len(said) != 1 or not (self.windows and self.network.options.second_looks):
            return ()
        (first,) = said
        if first.box is not None:
            y0, x0, y1, x1 = first.box
            return second_look.looks(view, np.array([[y0, x0], [y1, x1]]), self.shape)
        single = len(first.points) == 1 and first.positive and first.mask is None
        return second_look.looks(view, first.points, self.shape) if single else ()

    def following(self, thing: TrackedObject, frame: int, *, backward: bool) -> View:
        """View for tracking: a window goes where the object was in the nearest remembered frame, and grows with it."""
        if not self.windows and not self.parts:
            return View.whole(self.shape)
        near: Remembered | None = thing.bank.latest(frame, backward=backward)
        if near is None:
            return self._whole_plate() if self.parts else View.whole(self.shape)
        found = scale.measure(near.logits[0], near.view)
        if self.parts:
            tokens, step = thing.lattice or (self.network.config.feature_size, self._widest_step())
            if found is None:
                return near.view
            return LatticeView.around(found[2], tokens, step, self.shape)
        lattice = near.view if isinstance(near.view, LatticeView) else None
        if found is None:
            return near.view
        area, extent, centre = found
        side = lattice.wanted if lattice is not None else float(near.view.side)
        if near.predicted_iou > 0.5:
            wanted = self._side_for(area, extent)
            side *= float(np.clip(wanted / side, 1 / CHANGE_PER_FRAME, CHANGE_PER_FRAME))
            if thing.side is not None:
                side = float(np.clip(side, thing.side / CHANGE_IN_ALL, thing.side * CHANGE_IN_ALL))
        if not self.shared:
            return View.window(centre, side, self.shape)
        return self._on_lattice(centre, side, lattice.step if lattice is not None else None)

    def _on_lattice(self, centre: tuple[float, float], side: float, before: int | None = None) -> LatticeView:
        """The window of about this ``side`` on the lattice of step ``before``, if that will do."""
        tokens = self.network.config.feature_size
        return LatticeView.around(centre, tokens, step_for(side, tokens, before), self.shape, wanted=side)

    # Parts of a plate ----------------------------------------------------------------------------------------------

    def _widest_step(self) -> int:
        """Lattice step at which the frame fits into one plate."""
        return -(-2 * max(self.shape) // self.network.config.feature_size)

    def _whole_plate(self) -> LatticeView:
        return LatticeView.around((0, 0), self.network.config.feature_size, self._widest_step(), self.shape)

    def _plate_for(self, thing: TrackedObject, frame: int, said: Interaction, earlier: Answer | None) -> View:
        """The plate around a prompt; for corrections, the part in which the object was tracked, if it holds them."""
        near = earlier or thing.bank.tracked.get(frame)
        if near is not None and said.box is None and said.mask is None and self._holds(near.view, said.points):
            return near.view
        if said.mask is not None:
            centre, side = scale.from_mask(said.mask, self.ratio)
        elif said.box is not None:
            centre, side = scale.from_box(said.box, self.ratio)
        elif thing.lattice is not None:
            low, high = said.points.min(0), said.points.max(0)
            return self._plate_at(_place((low + high) / 2), thing.lattice[1])
        else:
            return self._whole_plate()
        return self._plate_at(centre, self._step_of(side / self.ratio))

    def _plate_at(self, centre: tuple[float, float], step: int) -> LatticeView:
        """Of the plates of a scale the one that has ``centre`` nearest to its middle."""
        tokens = self.network.config.feature_size
        every = max(1, round(PLATES_APART * tokens / 2))
        return LatticeView.around(centre, tokens, step, self.shape, every=every)

    def _step_of(self, diameter: float) -> int:
        """Half of the widest step, or a quarter and so on, at which an object of so many pixels is no longer tiny."""
        step = self._widest_step()
        while 2 * diameter / step < FEWEST_TOKENS and step > SMALLEST_STEP:
            step = -(-step // 2)
        return step

    def _finer(self, area: float, centre: tuple[float, float], answer: Answer) -> View | None:
        """A plate of smaller scale around an object that is tiny in the present one; None where it is not."""
        step = self._step_of(math.sqrt(area * 4 / math.pi))
        if not isinstance(answer.view, LatticeView) or step >= answer.view.step:
            return None
        return self._plate_at(centre, step)

    def for_memory(self, thing: TrackedObject, answer: Answer) -> View:
        """View in which an answer is remembered. Sets how much of a plate the object needs, where it is found."""
        found = scale.measure(answer.logits[0], answer.view) if self.parts or (self.windows and self.shared) else None
        if found is None:
            return answer.view
        if self.windows:
            # On the lattice on which it will be tracked: a memory of another scale misleads.
            return answer.view if isinstance(answer.view, LatticeView) else self._on_lattice(found[2], answer.view.side)
        if not isinstance(answer.view, LatticeView):
            return answer.view
        area, extent, centre = found
        if thing.lattice is None or extent > thing.lattice[0] * thing.lattice[1] / 2:
            # New, or a correction has made it larger than what it was followed in.
            side = self._side_for(area, extent)
            tokens = 4 * math.ceil(side / (2 * answer.view.step))
            whole = self.network.config.feature_size
            thing.lattice = (
                (whole if tokens > MOST_OF_A_PLATE * whole else max(tokens, FEWEST_AROUND)),
                answer.view.step,
            )
        return LatticeView.around(centre, *thing.lattice, self.shape)
