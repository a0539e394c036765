"""What the user paints into the labels becomes prompts: every object whose pixels are different on a frame.

napari's events tell of a stroke but not of its undo, and only half of what is in them stays the same from version to
version. So the frame is compared with a copy of how it was, whoever has changed it by whatever gesture.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_sam2.session.document import Document, Plane
from napari_sam2.session.drawn import lean
from napari_sam2.session.history import FrameDelta
from napari_sam2.session.masks import bounding_box
from napari_sam2.session.places import frame_text
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.objects_layer import ObjectsLayer

_MOST_COPIES = 5
"""Copies of frames that are kept: the one on screen, and those painted last, whose strokes may be taken back unseen."""
_MOST_STROKES = 20
At = tuple[Plane, int]


@dataclass(frozen=True)
class _Stroke:
    """One edit of a frame by hand; `text` is the step of the document that it was."""

    at: At
    delta: FrameDelta
    text: str


class Painting:
    """Follows the edits of the Labels layer, and their undo by the layer."""

    def __init__(
        self,
        objects: ObjectsLayer,
        document: Document,
        visible: Callable[[], At],
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        """
        Args:
            visible: the plane and frame on screen.
            post: runs something on the main thread after what runs now.
        """
        self._post = post
        self._open = True
        self._objects = objects
        self._document = document
        self._visible = visible
        self._copies: OrderedDict[At, np.ndarray] = OrderedDict()
        self._strokes: list[_Stroke] = []
        self._undone: list[_Stroke] = []
        self._busy = False
        objects.written.connect(self._on_written)
        objects.layer.events.paint.connect(self._on_paint)
        objects.layer.events.set_data.connect(self._on_drawn)
        self._remember(visible())

    def detach(self) -> None:
        """Stop following the layer."""
        if not self._open:
            return
        self._open = False
        self._objects.written.disconnect(self._on_written)
        self._objects.layer.events.paint.disconnect(self._on_paint)
        self._objects.layer.events.set_data.disconnect(self._on_drawn)

    def look(self) -> None:
        """Take in what was painted and not told of yet, for example while a stroke is being drawn."""
        if self._busy or not self._open:
            return
        self._busy = True
        try:
            for at in list(self._copies):
                self._take_in(at)
        finally:
            self._busy = False

    def _on_paint(self, event: Any = None) -> None:
        # With some gestures napari tells of the stroke before it writes the pixels.
        self.look()
        self._post(self.look)

    def _on_drawn(self, event: Any = None) -> None:
        # The layer has drawn anew: after another frame was turned to, after our own writes, and after its undo.
        self.look()
        self._remember(self._visible())

    def _on_written(self, plane: Plane, frame: int) -> None:
        if (plane, frame) in self._copies:
            self._copies[plane, frame] = self._objects.frame(plane, frame).copy()

    def _remember(self, at: At) -> None:
        if at not in self._copies:
            self._copies[at] = self._objects.frame(*at).copy()
        self._copies.move_to_end(at)
        while len(self._copies) > _MOST_COPIES:
            self._copies.popitem(last=False)

    def _take_in(self, at: At) -> None:
        """Let the objects that differ on a frame from its copy be prompted there with what they are now."""
        before, after = self._copies[at], self._objects.frame(*at)
        part = bounding_box(before != after)
        if part[0].stop == part[0].start:
            return
        delta = FrameDelta.of(*at, part, before[part], after[part])
        if self._is_undo(at, before, after):
            return
        different = before[part] != after[part]
        ids = sorted({int(i) for i in np.unique([before[part][different], after[part][different]])} - {0})
        self._copies[at] = after.copy()
        self._objects.masks.forget(*at)
        self._prompt(at, ids, before, after, delta)

    def _prompt(self, at: At, ids: list[int], before: np.ndarray, after: np.ndarray, delta: FrameDelta) -> None:
        plane, frame = at
        text = f"painting on {frame_text(frame, self._document.slices)}"
        with self._document.one_step(text) as step:
            self._document.covers.keep(plane, frame, ids, before)
            step.pixels.append(delta)
            for object_id in ids:
                mask = after == object_id
                if mask.any():
                    self._document.set_prompt(object_id, Prompt(frame, mask=lean(mask)), plane)
                elif self._document.prompt(plane, object_id, frame) is not None:
                    # Nothing is left of it: nothing is said of it here any more, and nothing is to come back.
                    self._document.covers.drop((plane, object_id, frame))
                    self._document.set_prompt(object_id, Prompt(frame), plane)
        self._strokes = [*self._strokes[1 - _MOST_STROKES :], _Stroke(at, delta, self._document.history.undo_text)]
        self._undone.clear()

    def _is_undo(self, at: At, before: np.ndarray, after: np.ndarray) -> bool:
        """Whether the layer has taken back the latest stroke, or made it again; the document then does so too."""
        history = self._document.history
        for strokes, others, turn, text, forth in (
            (self._strokes, self._undone, self._document.undo, history.undo_text, False),
            (self._undone, self._strokes, self._document.redo, history.redo_text, True),
        ):
            if not strokes or strokes[-1].at != at or strokes[-1].text != text:
                continue
            if np.array_equal(strokes[-1].delta.turned(before, forth=forth), after):
                self._copies[at] = after.copy()
                self._objects.masks.forget(*at)
                others.append(strokes.pop())
                turn()
                return True
        return False
