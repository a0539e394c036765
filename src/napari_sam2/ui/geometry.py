"""How the axes of an image layer map to frames, and the image as a stack of frames for the tracker.

A layer has axes in napari's order. One of them counts the frames, two more are y and x (the last two of the others),
and what remains is held at one index each: that is a *plane* (see session.document). RGB is not an axis of the layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image

from napari_sam2.session.document import Plane

_TIME_LABELS = ("t", "time", "frame", "frames")


@dataclass(frozen=True)
class Axes:
    """Roles of the axes of a layer.

    Attributes:
        shape: of the layer's data at full resolution, without RGB.
        frame: the axis that counts frames, or None for a single (y, x) image.
    """

    shape: tuple[int, ...]
    frame: int | None

    @property
    def spatial(self) -> tuple[int, int]:
        """The axes y and x: the last two that do not count frames."""
        others = [axis for axis in range(len(self.shape)) if axis != self.frame]
        return others[-2], others[-1]

    @property
    def held(self) -> tuple[int, ...]:
        """The axes that are held at one index, in the layer's order."""
        return tuple(axis for axis in range(len(self.shape)) if axis != self.frame and axis not in self.spatial)

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return 1 if self.frame is None else self.shape[self.frame]

    @property
    def frame_shape(self) -> tuple[int, int]:
        """(y, x) of one frame."""
        y, x = self.spatial
        return self.shape[y], self.shape[x]

    def frame_of(self, position: Sequence[float]) -> int:
        """The frame that a position in data coordinates of the layer lies in; it may be outside the stack."""
        return 0 if self.frame is None else _nearest(position[self.frame])

    def plane_of(self, position: Sequence[float]) -> Plane:
        """The plane that a position in data coordinates of the layer lies in; it may be outside the stack."""
        return tuple(_nearest(position[axis]) for axis in self.held)

    def yx_of(self, position: Sequence[float]) -> tuple[float, float]:
        """(y, x) data pixels of a position in data coordinates of the layer."""
        y, x = self.spatial
        return float(position[y]), float(position[x])

    def contains(self, position: Sequence[float]) -> bool:
        """Whether a position in data coordinates of the layer lies on a pixel of the image."""
        return all(0 <= _nearest(value) < size for value, size in zip(position, self.shape, strict=True))

    def position(self, plane: Plane, frame: int, yx: Sequence[float]) -> list[float]:
        """Data coordinates in the layer of (y, x) on a frame of a plane; the inverse of the functions above."""
        position = [0.0] * len(self.shape)
        for axis, value in zip((*self.held, *self.spatial), (*plane, *yx), strict=True):
            position[axis] = float(value)
        if self.frame is not None:
            position[self.frame] = float(frame)
        return position

    def index(self, plane: Plane, frame: int) -> tuple[int | slice, ...]:
        """The index that takes the (y, x) frame out of an array of the layer's shape."""
        index: list[int | slice] = [slice(None)] * len(self.shape)
        for axis, value in zip(self.held, plane, strict=True):
            index[axis] = value
        if self.frame is not None:
            index[self.frame] = frame
        return tuple(index)


def frame_axis_choices(ndim: int) -> list[int]:
    """The axes that may count frames, in the layer's order: any, when two more remain for y and x."""
    return list(range(ndim)) if ndim > 2 else []


def default_frame_axis(shape: Sequence[int], labels: Sequence[str]) -> int | None:
    """The axis called time, else the first before the last two that has more than one index, else the first."""
    if len(shape) <= 2:
        return None
    for axis, label in enumerate(labels):
        if label.lower() in _TIME_LABELS:
            return axis
    return next((axis for axis, size in enumerate(shape[:-2]) if size > 1), 0)


def image_shape(image: Image) -> tuple[int, ...]:
    """Shape of the layer's data at full resolution, without RGB."""
    shape = tuple(int(size) for size in full_resolution(image).shape)
    return shape[:-1] if image.rgb else shape


def full_resolution(image: Image) -> Any:
    """The array of an image layer; of a multiscale image the first level, whose pixels are the data coordinates."""
    return image.data[0] if image.multiscale else image.data


def placement(image: Image) -> dict[str, Any]:
    """Keyword arguments that put another layer with the same axes where the image lies."""
    return {
        "scale": image.scale,
        "translate": image.translate,
        "rotate": image.rotate,
        "shear": image.shear,
        "affine": image.affine.affine_matrix,
        "units": image.units,
        "axis_labels": image.axis_labels,
    }


def stack_of(image: Image, axes: Axes, plane: Plane) -> Any:
    """The image as (frames, y, x) or (frames, y, x, 3): a view for numpy, read frame by frame for anything else."""
    data = full_resolution(image)
    if not isinstance(data, np.ndarray):
        return LazyStack(data, axes, plane, image.rgb)
    for axis, value in sorted(zip(axes.held, plane, strict=True), reverse=True):
        data = data[(slice(None),) * axis + (value,)]
    if image.rgb:
        data = data[..., :3]
    if axes.frame is None:
        return data[np.newaxis]
    return np.moveaxis(data, axes.frame - sum(axis < axes.frame for axis in axes.held), 0)


class LazyStack:
    """A (frames, y, x) or (frames, y, x, 3) look at an array that is not in memory; nothing is kept.

    Takes whole numbers and slices as an index, reads just that, and returns numpy.
    """

    def __init__(self, data: Any, axes: Axes, plane: Plane, rgb: bool) -> None:
        self._data = data
        self._axes = axes
        self._plane = plane
        self._rgb = rgb
        self.dtype = np.dtype(data.dtype)
        self.shape: tuple[int, ...] = (axes.frames, *axes.frame_shape, *((3,) if rgb else ()))
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        key = key if isinstance(key, tuple) else (key,)
        if Ellipsis in key or len(key) > self.ndim:
            raise IndexError(f"got the index {key}, expected at most {self.ndim} whole numbers or slices")
        frame, y, x, *channel = (*key, *(slice(None),) * (self.ndim - len(key)))
        index = list(self._axes.index(self._plane, 0))
        index[self._axes.spatial[0]], index[self._axes.spatial[1]] = y, x
        if not isinstance(frame, slice):
            frame = range(self.shape[0])[frame]
        if self._axes.frame is not None:
            index[self._axes.frame] = frame
        if self._rgb:
            index.append(slice(0, 3))
        read = np.asarray(self._data[tuple(index)])
        if channel and channel[0] != slice(None):
            read = read[..., channel[0]]
        if not isinstance(frame, slice):
            return read
        if self._axes.frame is None:
            return read[np.newaxis][frame]
        before = sum(isinstance(entry, slice) for entry in index[: self._axes.frame])
        return np.moveaxis(read, before, 0)


def _nearest(value: float) -> int:
    return int(np.floor(float(value) + 0.5))
