"""Clicks as a Points layer: green belongs to the object, red does not, the rim has the colour of the object."""

from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Points

from napari_sam2.session.document import Document, Key, Plane
from napari_sam2.session.document import Points as Clicks
from napari_sam2.ui.geometry import Axes, placement
from napari_sam2.ui.prompt_layer import NEGATIVE, POSITIVE, ColorOf, PromptLayer

NAME = "SAM 2 points"

_FACE = {POSITIVE: np.array([0.18, 0.80, 0.25, 1.0]), NEGATIVE: np.array([0.95, 0.15, 0.15, 1.0])}
_SYMBOL = {POSITIVE: "disc", NEGATIVE: "square"}


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
            "label": pd.Categorical(kinds, categories=[POSITIVE, NEGATIVE]),
        }
    )


class PointsLayer(PromptLayer):
    """Keeps the Points layer and the points of the document equal.

    Attributes:
        positive: whether the next click says what belongs to the object; with Shift it says the opposite.
    """

    layer: Points

    def __init__(self, layer: Points, axes: Axes, document: Document, color_of: ColorOf) -> None:
        super().__init__(layer, axes, document, color_of)
        self.positive = True
        self._opposite = False
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
        return [NEGATIVE if value == NEGATIVE else POSITIVE for value in column]

    def _read(self) -> tuple[str, bool]:
        if not all(self.axes.contains(position) for position in self.layer.data):
            return "That point is outside the image and was taken back. Click inside the image.", True
        content: dict[Plane, dict[Key, Clicks]] = {}
        for position, object_id, kind in zip(self.layer.data, self._objects(), self._kinds(), strict=True):
            keyed = content.setdefault(self.axes.plane_of(position), {})
            key = (object_id, self.axes.frame_of(position))
            points, labels = keyed.get(key, ((), ()))
            keyed[key] = ((*points, self.axes.yx_of(position)), (*labels, int(kind == POSITIVE)))
        self._document.replace_points(content)
        return "", False

    def _write(self) -> None:
        positions, objects, kinds = [], [], []
        for plane in self._document.planes:
            for (object_id, frame), prompt in self._document.prompts(plane).items():
                for yx, label in zip(prompt.points, prompt.labels, strict=True):
                    positions.append(self.axes.position(plane, frame, yx))
                    objects.append(object_id)
                    kinds.append(POSITIVE if label else NEGATIVE)
        self.layer.selected_data = set()
        self.layer.data = np.reshape(positions, (len(positions), len(self.axes.shape)))
        self.layer.features = _features(objects, kinds)

    def _paint(self) -> None:
        kinds = self._kinds()
        if kinds:
            self.layer.face_color = np.stack([_FACE[kind] for kind in kinds])
            self.layer.border_color = np.stack([self._color_of(object_id) for object_id in self._objects()])
            self.layer.symbol = [_SYMBOL[kind] for kind in kinds]
