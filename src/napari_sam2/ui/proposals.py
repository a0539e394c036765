"""All objects of a frame, proposed by the model: a Labels layer that leaves when all of them are decided upon.

A click accepts, Shift-click rejects, Control-click on one and then another makes one of the two.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_sam2.session.document import Plane
from napari_sam2.session.drawn import lean
from napari_sam2.session.history import History, Step
from napari_sam2.session.masks import bounding_box
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.geometry import placement
from napari_sam2.ui.inference import InferenceThread, Segmenter, Target
from napari_sam2.ui.workspace import ViewerLike, Workspace
from napari_sam2.wording import counted

NAME = "SAM 2 proposals"


@dataclass
class _Decided:
    """What one step did to proposals: which there were `before` and are `after`; `back` when it is undone."""

    step: Step
    before: dict[int, np.ndarray]
    after: dict[int, np.ndarray] = field(default_factory=dict)
    back: bool = False


class Proposals:
    """Asks for the proposals of one frame, shows them, and makes objects of those that are accepted.

    Events:
        changed(): there are other proposals, or it is further on.
        failed(error): the search ended with an exception.
        told(level, text): something to say to the user.
        shown(layer): there is a layer with proposals.
    """

    changed = Signal()
    failed = Signal(object)
    told = Signal(str, str)
    shown = Signal(object)

    def __init__(self, viewer: ViewerLike, thread: InferenceThread, segmenter: Segmenter) -> None:
        self._viewer = viewer
        self._thread = thread
        self._segmenter = segmenter
        self._number = 0
        self._run: Iterator[Any] | None = None
        self._work: Workspace | None = None
        self._at: tuple[Plane, int] = ((), 0)
        self._masks: dict[int, np.ndarray] = {}
        self._marked: int | None = None
        self._layer: Labels | None = None
        self._decided: list[_Decided] = []
        self.running = False
        self.done, self.total = 0, 1
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    @property
    def count(self) -> int:
        """How many proposals are still open."""
        return len(self._masks)

    @property
    def marked(self) -> bool:
        """Whether one of two that are to become one has been chosen."""
        return self._marked is not None

    @property
    def at(self) -> tuple[Plane, int]:
        """The plane and frame that they lie on."""
        return self._at

    # Looking for them -----------------------------------------------------------------------------------------------

    def start(self, work: Workspace, target: Target) -> None:
        """Look for the objects of the frame on screen that are not labelled yet."""
        self.forget()
        self._number += 1
        self._work, self._at = work, work.visible()
        work.document.history_changed.connect(self._on_history)
        taken = work.objects.frame(*self._at).copy()
        self.running, self.done, self.total = True, 0, 1
        number, frame = self._number, self._at[1]
        self._thread.submit(
            lambda: self._segmenter.proposals(target, frame, taken, typical_diameter(taken)),
            done=lambda run: self._on_begun(number, run),
            failed=lambda error: self._on_failed(number, error),
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Stop looking."""
        if self.running:
            self._number += 1
            self.running = False
            self._run = None
            self.changed.emit()

    def forget(self) -> None:
        """Stop looking, and drop what was found; nothing of it comes back any more."""
        self.cancel()
        self._forget_decided()
        if self._work is not None:
            self._work.document.history_changed.disconnect(self._on_history)
        self._masks.clear()
        self._redraw()
        self._work = None

    def _forget_decided(self) -> None:
        decided, self._decided = self._decided, []
        if self._work is not None:
            self._work.document.drop_elsewhere(one.step for one in decided)

    def _on_begun(self, number: int, run: Iterator[Any]) -> None:
        if number == self._number:
            self._run = run
            self._ask(number)

    def _ask(self, number: int) -> None:
        run = self._run
        if run is not None:
            self._thread.submit(
                lambda: self._segmenter.further(run),
                done=lambda step: self._on_step(number, step),
                failed=lambda error: self._on_failed(number, error),
            )

    def _on_step(self, number: int, step: Any) -> None:
        if number != self._number:
            return
        if step is not None and step.proposals is None:
            self.done, self.total = step.done, step.total
            self._ask(number)
        else:
            self.running, self._run = False, None
            self._show(step.proposals if step is not None else ())
        self.changed.emit()

    def _on_failed(self, number: int, error: BaseException) -> None:
        if number == self._number:
            self.running, self._run = False, None
            self.failed.emit(error)
            self.changed.emit()

    # Deciding -------------------------------------------------------------------------------------------------------

    def accept(self, numbers: Iterable[int]) -> None:
        """Make an object of each of these proposals, with its mask as prompt; all of them are taken back together."""
        (plane, frame), chosen = self._at, self._chosen(numbers)
        work = self._ready("accept proposals") if chosen else None
        if work is None:
            return
        document, after, ids = work.document, work.objects.frame(plane, frame).copy(), []
        masks = {number: self._masks.pop(number) for number in chosen}
        with work.drawn(), document.one_step(f"accept {counted(len(chosen), 'proposal')}") as step:
            for mask in masks.values():
                part = bounding_box(mask)
                own = mask[part] & (after[part] == 0)
                if own.any():
                    ids.append(document.new_object())
                    after[part][own] = ids[-1]
                    whole = np.zeros(mask.shape, bool)
                    whole[part] = own
                    document.set_prompt(ids[-1], Prompt(frame, mask=whole), plane)
            document.covers.keep(plane, frame, ids, work.objects.frame(plane, frame))
            delta = work.objects.masks.write(plane, frame, after)
            if delta is not None:
                step.pixels.append(delta)
        self._decided.append(_Decided(step, masks))
        self._redraw()

    def _chosen(self, numbers: Iterable[int]) -> list[int]:
        return [number for number in numbers if number in self._masks]

    def _ready(self, wish: str) -> Workspace | None:
        """The workspace, if something can be decided in it now; says so when not."""
        unready = self._work.unready(wish) if self._work is not None else ""
        if unready:
            self.told.emit("warning", unready)
        return self._work if not unready else None

    def _on_history(self) -> None:
        """Let proposals whose acceptance is undone be proposals again, and objects when it is made again."""
        history = self._work.document.history if self._work is not None else History()
        for one in self._decided:
            if one.step is history.next_of("undo" if one.back else "redo"):
                one.back = not one.back
                self._replace(*((one.after, one.before) if one.back else (one.before, one.after)))

    def _replace(self, these: Iterable[int], others: Mapping[int, np.ndarray]) -> None:
        for number in these:
            self._masks.pop(number, None)
        self._masks.update(others)
        self._redraw()

    def reject(self, numbers: Iterable[int]) -> None:
        """Drop these proposals; all of them come back together when that is undone."""
        chosen = self._chosen(numbers)
        self._turn_into(f"reject {counted(len(chosen), 'proposal')}", "reject proposals", chosen, {})

    def _turn_into(self, text: str, wish: str, chosen: Iterable[int], after: dict[int, np.ndarray]) -> None:
        """Let some proposals be others, or none, in a step that can be taken back. No object is made of them."""
        before = {number: self._masks[number] for number in chosen}
        work = self._ready(wish) if before else None
        if work is not None:
            self._decided.append(_Decided(Step(text, elsewhere=True), before, after))
            self._replace(before, after)
            work.document.add_step(self._decided[-1].step)

    def accept_all(self) -> None:
        """Make objects of all that are left."""
        self.accept(list(self._masks))

    def reject_all(self) -> None:
        """Drop all that are left."""
        self.reject(list(self._masks))

    def merge(self, first: int, second: int) -> None:
        """Make one proposal of two."""
        if first != second and {first, second} <= self._masks.keys():
            both = self._masks[first] | self._masks[second]
            self._marked = None
            self._turn_into("make one of 2 proposals", "make one of two proposals", (first, second), {first: both})

    # Showing them ---------------------------------------------------------------------------------------------------

    def _show(self, proposals: Iterable[Any]) -> None:
        work = self._work
        if work is None or work.image not in self._viewer.layers:
            return
        self._masks = {n: lean(item.mask(work.axes.frame_shape)) for n, item in enumerate(proposals, start=1)}
        if not self._masks:
            further = "further " if work.objects.frame(*self._at).any() else ""
            found = f"No {further}objects were found on this frame."
            self.told.emit("info", f"{found} Click one: its size helps to find others.")
            return
        self._redraw()

    def _open_layer(self, work: Workspace) -> Labels:
        """A layer for them in the viewer, on which a click decides."""
        layer = self._layer_of_frame(work)
        layer.contour = 2
        layer.editable = False
        layer.mouse_drag_callbacks.append(self._on_press)
        self.shown.emit(layer)
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = layer
        return layer

    def _layer_of_frame(self, work: Workspace) -> Labels:
        """An empty layer of one frame, in its place in the stack: all frames might not fit into the memory."""
        axes, place = work.axes, placement(work.image)
        shape = [size if axis in axes.spatial else 1 for axis, size in enumerate(axes.shape)]
        offset = np.array(axes.position(*self._at, (0, 0)))
        place["translate"] = np.add(place["translate"], np.multiply(place["scale"], offset))
        colormap = work.objects.layer.colormap
        return Labels(np.zeros(shape, np.uint16), name=NAME, opacity=0.9, colormap=colormap, **place)

    def _on_removed(self, event: Any) -> None:
        # Whoever deletes the layer wants none of them.
        if event.value is self._layer:
            self._layer = None
            self._masks.clear()
            self._forget_decided()
            self.changed.emit()

    def _redraw(self) -> None:
        self._marked = self._marked if self._marked in self._masks else None
        work = self._work
        if self._masks and self._layer is None and work is not None and work.in_viewer:
            self._layer = self._open_layer(work)
        layer = self._layer
        if layer is not None and work is not None:
            if self._masks:
                picture = np.zeros(work.axes.frame_shape, np.uint16)
                for number, mask in self._masks.items():
                    picture[mask & (picture == 0)] = number
                layer.data[work.axes.index((0,) * len(self._at[0]), 0)] = picture
                layer.refresh(extent=False)
            else:
                self._layer = None
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
                if work.in_viewer:
                    work.ready_to_click()
        self.changed.emit()

    def _on_press(self, layer: Labels, event: Any) -> Iterator[None]:
        start = np.asarray(event.pos, float) if getattr(event, "pos", None) is not None else None
        yield
        while event.type == "mouse_move":
            yield
        # A drag moves the picture and decides nothing.
        if start is not None and np.hypot(*(np.asarray(event.pos, float) - start)) > 4:
            return
        value = layer.get_value(
            event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
        )
        number = int(value) if value else 0
        if number not in self._masks:
            return
        if "Shift" in event.modifiers:
            self.reject([number])
        elif "Control" in event.modifiers:
            if self._marked in (None, number):
                self._marked = number if self._marked is None else None
                self.changed.emit()
            else:
                self.merge(self._marked, number)
        else:
            self.accept([number])


def typical_diameter(labels: np.ndarray) -> float | None:
    """Diameter of a disc as large as the median of the objects in labels (y, x); None without any."""
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    return math.sqrt(4 * float(np.median(areas)) / math.pi) if len(areas) else None
