"""Boxes as a Shapes layer: rectangles around an object, in its colour, at most one per object and frame."""

import numpy as np
import pandas as pd
from napari.layers import Image, Shapes

from napari_sam2.session.document import Box, Key, Plane
from napari_sam2.ui.geometry import Axes, placement
from napari_sam2.ui.prompt_layer import PromptLayer

NAME = "SAM 2 boxes"

_SMALLEST = 1.0
"""Side of a box in pixels below which it was a slip of the mouse."""


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


class BoxesLayer(PromptLayer):
    """Keeps the Shapes layer and the boxes of the document equal. Other shapes count as the box around them."""

    layer: Shapes

    def lie_flat(self, axes: Axes) -> bool:
        """Whether every box would lie on one frame, if these were the axes."""
        depth = [axis for axis in range(len(axes.shape)) if axis not in axes.spatial]
        return not any(np.ptp(np.asarray(corners)[:, axis]) > 0.5 for corners in self.layer.data for axis in depth)

    def _stamp(self, features: pd.DataFrame, row: int) -> None:
        features.loc[row, "object"] = self._document.current

    def _read(self) -> tuple[str, bool]:
        content: dict[Plane, dict[Key, Box]] = {}
        if not self.lie_flat(self.axes):
            return "A box lies on one frame. It was taken back, draw it in the y-x view.", True
        entries = list(zip(self.layer.data, self._objects(), strict=True))
        for corners, object_id in entries:
            reason, box = self._box(np.asarray(corners))
            if box is None:
                return reason, True
            middle = np.mean(corners, axis=0)
            content.setdefault(self.axes.plane_of(middle), {})[(object_id, self.axes.frame_of(middle))] = box
        self._document.replace_boxes(content)
        # An older box of the same object and frame has given way to the newer one and leaves the layer.
        return "", len(entries) > sum(len(keyed) for keyed in content.values())

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
        corners, objects = [], []
        for plane in self._document.planes:
            for (object_id, frame), prompt in self._document.prompts(plane).items():
                if prompt.box is not None:
                    y0, x0, y1, x1 = prompt.box
                    four = ((y0, x0), (y0, x1), (y1, x1), (y1, x0))
                    corners.append([self.axes.position(plane, frame, yx) for yx in four])
                    objects.append(object_id)
        # Setting an empty list as data would leave a row behind in the features.
        self.layer.remove(list(range(len(self.layer.data))))
        if corners:
            self.layer.add_rectangles(corners, edge_width=_edge_width(self.axes))
            self.layer.features = pd.DataFrame({"object": objects})

    def _paint(self) -> None:
        if len(self.layer.data):
            self.layer.edge_color = np.stack([self._color_of(object_id) for object_id in self._objects()])
