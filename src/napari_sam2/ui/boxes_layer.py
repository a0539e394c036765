"""Shapes as prompts, in the colour of their object: rectangles are boxes, closed lines masks, open lines clicks.

An object has at most one box and one closed line on a frame. An open line is taken for clicks along it and leaves.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Shapes

from napari_sam2.session.document import Box, Document, Key, Plane
from napari_sam2.session.drawn import clicks_along, interior, lean, per_mask
from napari_sam2.session.masks import bounding_box
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.geometry import Axes, placement
from napari_sam2.ui.prompt_layer import ColorOf, PromptLayer

NAME = "SAM 2 boxes"

_SMALLEST = 1.0
"""Side of a box in pixels below which it was a slip of the mouse."""
_OPEN_LINES = ("path", "line")
_LINE_MODES = ("add_polygon_lasso", "add_polygon", "add_path", "add_polyline")


def new_boxes(image: Image, axes: Axes) -> Shapes:
    """An empty layer for boxes that lies on the image."""
    return Shapes(
        None,
        name=NAME,
        ndim=len(axes.shape),
        features=pd.DataFrame({"object": pd.Series([], dtype=int)}),
        face_color="transparent",
        edge_width=_edge_width(axes),
        **placement(image),
    )


def _edge_width(axes: Axes) -> float:
    return max(0.5, max(axes.frame_shape) / 400)


@dataclass
class _Drawn:
    """What the shapes of the layer say, by plane and (object id, frame)."""

    boxes: dict[Plane, dict[Key, Box]] = field(default_factory=dict)
    masks: dict[tuple[Plane, Key], np.ndarray] = field(default_factory=dict)
    clicks: list[tuple[Plane, Key, np.ndarray]] = field(default_factory=list)


class BoxesLayer(PromptLayer):
    """Keeps the Shapes layer equal with the boxes of the document, and with those masks that were drawn here."""

    layer: Shapes

    def __init__(
        self,
        layer: Shapes,
        axes: Axes,
        document: Document,
        color_of: ColorOf,
        positive: Callable[[], bool],
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        """
        Args:
            positive: whether an open line that is drawn without Shift says what belongs to the object.
            post: runs something on the main thread after what runs now.
        """
        super().__init__(layer, axes, document, color_of)
        self._positive = positive
        self._post = post
        self._open = True
        self._opposite = False
        self._lines: dict[str, np.ndarray] = {}
        layer.mouse_drag_callbacks.append(self._on_press)

    def detach(self) -> None:
        super().detach()
        self._open = False
        if self._on_press in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._on_press)

    def shows_mask(self, mask: np.ndarray) -> bool:
        """Whether a mask was drawn here, so that its line is to be seen."""
        return _name(mask) in self._lines

    def lie_flat(self, axes: Axes) -> bool:
        """Whether every shape would lie on one frame, if these were the axes."""
        depth = [axis for axis in range(len(axes.shape)) if axis not in axes.spatial]
        return not any(np.ptp(np.asarray(corners)[:, axis]) > 0.5 for corners in self.layer.data for axis in depth)

    def _read_edit(self) -> None:
        # napari tells of a line while it is still finishing it; shapes must not come or go before it is through.
        if str(self.layer.mode) in _LINE_MODES:
            self._post(self._read_later)
        else:
            self.read()

    def _read_later(self) -> None:
        if self._open:
            self.read()

    def _on_press(self, layer: Shapes, event: Any) -> None:
        # The line is finished when the button comes up; whether Shift is held counts at the press.
        self._opposite = "Shift" in event.modifiers

    def _stamp(self, features: pd.DataFrame, row: int) -> None:
        features.loc[row, "object"] = self._document.current

    def _read(self) -> tuple[str, bool]:
        if not self.lie_flat(self.axes):
            return "A box lies on one frame. It was taken back, draw it in the y-x view.", True
        drawn, count = _Drawn(), 0
        for corners, kind, object_id in zip(self.layer.data, self.layer.shape_type, self._objects(), strict=True):
            vertices = np.asarray(corners)
            middle = vertices.mean(axis=0)
            place = self.axes.plane_of(middle), (object_id, self.axes.frame_of(middle))
            reason = self._take(drawn, place, vertices, kind)
            if reason:
                return reason, True
            count += 1
        self._tell(drawn)
        # An older shape of the same object and frame has given way to the newer one and leaves the layer.
        return "", count > sum(len(keyed) for keyed in drawn.boxes.values()) + len(drawn.masks)

    def _take(self, drawn: _Drawn, place: tuple[Plane, Key], vertices: np.ndarray, kind: str) -> str:
        """Note what one shape says. Returns why it cannot be a prompt, "" when it can."""
        plane, key = place
        if kind == "rectangle":
            reason, box = self._box(vertices)
            if box is not None:
                drawn.boxes.setdefault(plane, {})[key] = box
            return reason
        line = vertices[:, self.axes.spatial]
        middle = vertices.mean(axis=0)
        middle[list(self.axes.spatial)] = 0
        if kind in _OPEN_LINES:
            clicks = [yx for yx in clicks_along(line) if self.axes.contains(self.axes.position(*_at(place), yx))]
            if not clicks or not self.axes.contains(middle):
                return "That line is outside the image and was taken back. Draw it on the object."
            drawn.clicks.append((plane, key, np.array(clicks)))
            return ""
        mask = interior(_ellipse(line) if kind == "ellipse" else line, self.axes.frame_shape)
        if not mask.any() or not self.axes.contains(middle):
            return "That line encloses no pixel of the image and was taken back. Draw it around the object."
        self._lines[_name(mask)] = _ellipse(line) if kind == "ellipse" else line
        drawn.masks[place] = lean(mask)
        return ""

    def _tell(self, drawn: _Drawn) -> None:
        """Let the document hold what was drawn."""
        document, opposite = self._document, self._opposite
        self._opposite = False
        gone = [
            (plane, key, prompt)
            for plane in document.planes
            for key, prompt in document.prompts(plane).items()
            if prompt.mask is not None and self.shows_mask(prompt.mask) and (plane, key) not in drawn.masks
        ]
        new = {place: mask for place, mask in drawn.masks.items() if not self._has(place, mask)}
        if not (gone or new or drawn.clicks):
            document.replace_boxes(drawn.boxes)
            return
        with document.one_step("prompts"):
            document.replace_boxes(drawn.boxes)
            for plane, key, prompt in gone:
                document.set_prompt(key[0], replace(prompt, mask=None), plane)
            for (plane, key), mask in new.items():
                # It takes the place of all that was said before on its frame.
                document.set_prompt(key[0], Prompt(key[1], mask=mask), plane)
            for plane, key, clicks in drawn.clicks:
                known = document.prompt(plane, *key) or Prompt(key[1])
                label = int(self._positive() != opposite)
                points = (*known.points, *((float(y), float(x)) for y, x in clicks))
                labels = (*known.labels, *(label,) * len(clicks))
                document.set_prompt(key[0], replace(known, points=points, labels=labels), plane)

    def _has(self, place: tuple[Plane, Key], mask: np.ndarray) -> bool:
        known = self._document.prompt(place[0], *place[1])
        return known is not None and known.mask is not None and np.array_equal(known.mask, mask)

    def _box(self, corners: np.ndarray) -> tuple[str, Box | None]:
        """(y0, x0, y1, x1) of a shape, cut at the edge of the image; None and the reason when there is none."""
        axes = self.axes
        low, high = corners[:, axes.spatial].min(axis=0), corners[:, axes.spatial].max(axis=0)
        low = np.maximum(low, -0.5)
        high = np.minimum(high, np.subtract(axes.frame_shape, 0.5))
        middle = corners.mean(axis=0)
        middle[list(axes.spatial)] = 0
        if np.any(high <= low) or not axes.contains(middle):
            return "That box is outside the image and was taken back. Draw it on the image.", None
        if np.any(high - low < _SMALLEST):
            return "That box is too small and was taken back. Press at one corner, drag to the opposite one.", None
        return "", (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    def _write(self) -> None:
        boxes, lines, owners, line_owners = [], [], [], []
        for plane in self._document.planes:
            for (object_id, frame), prompt in self._document.prompts(plane).items():
                if prompt.box is not None:
                    y0, x0, y1, x1 = prompt.box
                    four = ((y0, x0), (y0, x1), (y1, x1), (y1, x0))
                    boxes.append([self.axes.position(plane, frame, yx) for yx in four])
                    owners.append(object_id)
                if prompt.mask is not None and self.shows_mask(prompt.mask):
                    line = self._lines[_name(prompt.mask)]
                    lines.append([self.axes.position(plane, frame, yx) for yx in line])
                    line_owners.append(object_id)
        # Setting an empty list as data would leave a row behind in the features.
        self.layer.remove(list(range(len(self.layer.data))))
        if boxes:
            self.layer.add_rectangles(boxes, edge_width=_edge_width(self.axes))
        if lines:
            self.layer.add_polygons(lines, edge_width=_edge_width(self.axes), face_color="transparent")
        if boxes or lines:
            self.layer.features = pd.DataFrame({"object": [*owners, *line_owners]})

    def _paint(self) -> None:
        if len(self.layer.data):
            self.layer.edge_color = np.stack([self._color_of(object_id) for object_id in self._objects()])


def _at(place: tuple[Plane, Key]) -> tuple[Plane, int]:
    return place[0], place[1][1]


def _ellipse(corners: np.ndarray) -> np.ndarray:
    """(N, 2) vertices on the ellipse in a rectangle of four corners (y, x)."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)[:, np.newaxis]
    along, across = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    return np.asarray(corners.mean(axis=0) + np.cos(angle) * along + np.sin(angle) * across)


@per_mask
def _name(mask: np.ndarray) -> str:
    """Equal masks have equal names."""
    part = bounding_box(mask)
    return hashlib.sha256(repr((mask.shape, part)).encode() + np.packbits(mask[part]).tobytes()).hexdigest()
