"""Clicks as a Points layer: green belongs to the object, red does not, the rim has the colour of the object.

A diamond marks a mask that was painted or taken from labels. Moved, it moves the mask; deleted, the mask is no prompt.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Points

from napari_sam2.session.document import Document, Key, Plane
from napari_sam2.session.document import Points as Clicks
from napari_sam2.session.drawn import deepest, moved
from napari_sam2.session.places import Place
from napari_sam2.ui.geometry import Axes, placement
from napari_sam2.ui.prompt_layer import MASK, NEGATIVE, POSITIVE, ColorOf, PromptLayer

NAME = "SAM 2 points"

_FACE = {
    POSITIVE: np.array([0.18, 0.80, 0.25, 1.0]),
    NEGATIVE: np.array([0.95, 0.15, 0.15, 1.0]),
    MASK: np.array([0.18, 0.80, 0.25, 1.0]),
}
_SYMBOL = {POSITIVE: "disc", NEGATIVE: "square", MASK: "diamond"}


def new_points(image: Image, axes: Axes) -> Points:
    """An empty layer for clicks that lies on the image."""
    return Points(
        np.empty((0, len(axes.shape))),
        name=NAME,
        ndim=len(axes.shape),
        features=_features([], []),
        size=max(5.0, max(axes.frame_shape) / 90),
        # No lower limit: napari draws one dot at the origin where a frame has no points, as small as it may.
        canvas_size_limits=(0, 18),
        border_width=0.25,
        antialiasing=1,
        **placement(image),
    )


def _features(objects: list[int], kinds: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "object": pd.Series(objects, dtype=int),
            "label": pd.Categorical(kinds, categories=[POSITIVE, NEGATIVE, MASK]),
        }
    )


class PointsLayer(PromptLayer):
    """Keeps the Points layer and the points of the document equal, and marks masks that are to be seen nowhere else.

    Attributes:
        positive: whether the next click says what belongs to the object; with Shift it says the opposite.
    """

    layer: Points

    def __init__(
        self,
        layer: Points,
        axes: Axes,
        document: Document,
        color_of: ColorOf,
        marked: Callable[[np.ndarray], bool] = lambda mask: True,
    ) -> None:
        """
        Args:
            marked: whether a mask gets a mark.
        """
        super().__init__(layer, axes, document, color_of)
        self.positive = True
        self._marked = marked
        self._marks: dict[Place, tuple[float, float]] = {}
        self._opposite = self._deep = False
        layer.mouse_drag_callbacks.append(self._on_press)
        layer.selected_data.events.items_changed.connect(self._on_selection)

    def detach(self) -> None:
        super().detach()
        self.layer.selected_data.events.items_changed.disconnect(self._on_selection)
        if self._on_press in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._on_press)

    def _on_press(self, layer: Points, event: Any) -> None:
        # The point is added when the button comes up; whether Shift is held counts at the press.
        self._opposite = "Shift" in event.modifiers
        self._deep = len(event.dims_displayed) > 2

    def _read_edit(self) -> None:
        deep, self._deep = self._deep, False
        if deep and len(self.layer.data) > self._known:
            # It lies somewhere on the line of sight, on a frame that nobody meant.
            self.write()
            self.refused.emit("A click in 3-D lies on no frame and was taken back. Switch back to 2-D, then click.")
        else:
            super()._read_edit()

    def _on_selection(self, *args: Any) -> None:
        # Pasting points tells of nothing but the new selection.
        if not self._writing and len(self.layer.data) > self._known:
            self.read()

    def _stamp(self, features: pd.DataFrame, row: int) -> None:
        opposite, self._opposite = self._opposite, False
        features.loc[row, "object"] = self._document.current
        features.loc[row, "label"] = POSITIVE if self.positive != opposite else NEGATIVE

    def _kinds(self) -> list[str]:
        column = self.layer.features.get("label")
        if column is None:
            return [POSITIVE] * len(self.layer.data)
        return [value if value in (NEGATIVE, MASK) else POSITIVE for value in column]

    def _read(self) -> tuple[str, bool]:
        if not all(self.axes.contains(position) for position in self.layer.data):
            return "That point is outside the image and was taken back. Click inside the image.", True
        content: dict[Plane, dict[Key, Clicks]] = {}
        marks: dict[Place, tuple[float, float]] = {}
        for position, object_id, kind in zip(self.layer.data, self._objects(), self._kinds(), strict=True):
            plane, key = self.axes.plane_of(position), (object_id, self.axes.frame_of(position))
            if kind == MASK:
                marks[plane, *key] = self.axes.yx_of(position)
                continue
            keyed = content.setdefault(plane, {})
            points, labels = keyed.get(key, ((), ()))
            keyed[key] = ((*points, self.axes.yx_of(position)), (*labels, int(kind == POSITIVE)))
        if marks == self._marks:
            self._document.replace_points(content)
            return "", False
        with self._document.one_step("prompts", shown=True):
            self._document.replace_points(content)
            for place, before in self._marks.items():
                self._turn_mask(place, before, marks.get(place))
        return "", not marks.keys() <= self._marks.keys()

    def _turn_mask(self, place: Place, before: tuple[float, float], after: tuple[float, float] | None) -> None:
        """Let a mask follow its mark, or be no prompt any more when that is gone."""
        plane, object_id, frame = place
        prompt = self._document.prompt(plane, object_id, frame)
        if after == before or prompt is None or prompt.mask is None:
            return
        mask = None
        if after is not None:
            by = round(after[0] - before[0]), round(after[1] - before[1])
            there = moved(prompt.mask, by)
            # Not the place of the mark itself: what is less than a pixel must add up while it is dragged.
            self._marks[place] = before[0] + by[0], before[1] + by[1]
            mask = there if there.any() else prompt.mask
        self._document.set_prompt(object_id, replace(prompt, mask=mask), plane)

    def _write(self) -> None:
        positions, objects, kinds = [], [], []
        self._marks = {}
        for plane in self._document.planes:
            for (object_id, frame), prompt in self._document.prompts(plane).items():
                for yx, label in zip(prompt.points, prompt.labels, strict=True):
                    positions.append(self.axes.position(plane, frame, yx))
                    objects.append(object_id)
                    kinds.append(POSITIVE if label else NEGATIVE)
                if prompt.mask is not None and self._marked(prompt.mask):
                    self._marks[plane, object_id, frame] = yx = deepest(prompt.mask)
                    positions.append(self.axes.position(plane, frame, yx))
                    objects.append(object_id)
                    kinds.append(MASK)
        self.layer.selected_data = set()
        self.layer.data = np.reshape(positions, (len(positions), len(self.axes.shape)))
        self.layer.features = _features(objects, kinds)

    def _paint(self) -> None:
        kinds = self._kinds()
        if kinds:
            self.layer.face_color = np.stack([_FACE[kind] for kind in kinds])
            self.layer.border_color = np.stack([self._color_of(object_id) for object_id in self._objects()])
            self.layer.symbol = [_SYMBOL[kind] for kind in kinds]
