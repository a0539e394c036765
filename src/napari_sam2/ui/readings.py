"""The other masks that an ambiguous click can mean: drawn lightly, and one chosen instead of the best."""

from dataclasses import replace
from typing import Any

from napari.layers import Shapes

from napari_sam2.session.document import Plane
from napari_sam2.session.drawn import outline, readings
from napari_sam2.session.places import Place
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.geometry import placement
from napari_sam2.ui.workspace import ViewerLike, Workspace

NAME = "SAM 2 other masks"


class Readings:
    """Shows what else the click on the current object could mean, as long as there is just that click."""

    def __init__(self, viewer: ViewerLike) -> None:
        self._viewer = viewer
        self._layer: Shapes | None = None
        self._place: Place | None = None
        self._choices: list[int] = []

    def show(self, work: Workspace, plane: Plane, frame: int, result: Any) -> None:
        """Draw the other masks of the current object, if its prompt on this frame is an ambiguous click."""
        object_id = work.document.current
        prompt = work.document.prompt(plane, object_id, frame)
        self.clear()
        if prompt is None or not _single_click(prompt) or object_id not in result.object_ids:
            return
        if not hasattr(result, "candidates_of"):
            return
        masks = result.candidates_of(object_id)
        choices = readings(masks, prompt.points[0])
        chosen = min(prompt.candidate, len(masks) - 1)
        if len({*choices, chosen}) < 2:
            return
        self._place, self._choices = (plane, object_id, frame), choices
        lines = [outline(masks[index]) for index in choices if index != chosen]
        lines = [[work.axes.position(plane, frame, yx) for yx in (*line, line[0])] for line in lines if len(line)]
        if lines:
            self._draw(work, lines, object_id)

    def next(self, work: Workspace) -> bool:
        """Choose the next mask of the click on the frame on screen. Returns whether there is another one."""
        plane, frame = work.visible()
        place = (plane, work.document.current, frame)
        prompt = work.document.prompt(*place)
        if place != self._place or prompt is None:
            return False
        here = self._choices.index(prompt.candidate) if prompt.candidate in self._choices else -1
        chosen = self._choices[(here + 1) % len(self._choices)]
        work.document.set_prompt(place[1], replace(prompt, candidate=chosen), plane)
        return True

    @property
    def place(self) -> Place | None:
        """The click (plane, object id, frame) that has other masks, or None."""
        return self._place

    def clear(self) -> None:
        """Show nothing any more."""
        self._place, self._choices = None, []
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None

    def _draw(self, work: Workspace, lines: list[Any], object_id: int) -> None:
        active = self._viewer.layers.selection.active
        layer = Shapes(
            lines,
            shape_type="path",
            name=NAME,
            ndim=len(work.axes.shape),
            edge_color=work.objects.color(object_id),
            edge_width=max(0.5, max(work.axes.frame_shape) / 600),
            face_color="transparent",
            opacity=0.6,
            **placement(work.image),
        )
        layer.editable = False
        self._layer = layer
        self._viewer.add_layer(layer)
        # Under the prompts, and the clicks go where they went before.
        self._viewer.layers.move(len(self._viewer.layers) - 1, self._viewer.layers.index(work.layers[1]))
        if active is not None:
            self._viewer.layers.selection.active = active


def _single_click(prompt: Prompt) -> bool:
    return prompt.labels == (1,) and prompt.box is None and prompt.mask is None
