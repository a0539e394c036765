"""Which axis of an array counts the frames, which ones are y and x, and what becomes of the others.

An array has axes in an order of its own. One of them counts the frames, two more are y and x of a frame, and what
remains is held at one index each: that is a *plane* (see session.document). In an array with time and depth one axis
may be *swept* instead: every slice of every time point is a frame then, numbered through, all slices of the first time
point first. Colour samples (RGB) are not an axis here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_sam2.session.document import Plane

_TIME = ("t", "time", "times", "frame", "frames", "timepoint", "timepoints")
_DEPTH = ("z", "depth", "plane", "planes", "slice", "slices")
_CHANNEL = ("c", "ch", "channel", "channels", "wavelength")
_TIME_UNITS = ("second", "minute", "hour", "day", "s", "sec", "ms", "min", "h")


@dataclass(frozen=True)
class Axes:
    """Roles of the axes of an array.

    Attributes:
        shape: of the array at full resolution, without RGB.
        frame: the axis that counts frames (with a swept axis: the one that is followed), or None for a (y, x) image.
        swept: the axis each index of which is followed in turn, or None.
    """

    shape: tuple[int, ...]
    frame: int | None
    swept: int | None = None

    @property
    def spatial(self) -> tuple[int, int]:
        """The axes y and x: the last two that neither count frames nor are swept."""
        others = [axis for axis in range(len(self.shape)) if axis not in (self.frame, self.swept)]
        return others[-2], others[-1]

    @property
    def held(self) -> tuple[int, ...]:
        """The axes that are held at one index, in the array's order."""
        gone = (self.frame, self.swept, *self.spatial)
        return tuple(axis for axis in range(len(self.shape)) if axis not in gone)

    @property
    def slices(self) -> int:
        """How many frames belong to one index of the frame axis: one, unless an axis is swept."""
        return 1 if self.swept is None else self.shape[self.swept]

    def in_depth(self, deep_frames: bool) -> bool:
        """Whether objects are followed from slice to slice of a volume, so that they may end on the way.

        Args:
            deep_frames: the frame axis is one of space. Of time and depth, a swept axis is the other one.
        """
        return self.frame is not None and deep_frames != (self.slices > 1)

    @property
    def steps(self) -> int:
        """Length of the frame axis."""
        return 1 if self.frame is None else self.shape[self.frame]

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return self.steps * self.slices

    @property
    def frame_shape(self) -> tuple[int, int]:
        """(y, x) of one frame."""
        y, x = self.spatial
        return self.shape[y], self.shape[x]

    def frame_of(self, position: Sequence[float]) -> int:
        """The frame that a position in data coordinates of the array lies in; it may be outside the stack."""
        step = 0 if self.frame is None else _nearest(position[self.frame])
        return step if self.swept is None else step * self.slices + _nearest(position[self.swept])

    def plane_of(self, position: Sequence[float]) -> Plane:
        """The plane that a position in data coordinates of the array lies in; it may be outside the stack."""
        return tuple(_nearest(position[axis]) for axis in self.held)

    def yx_of(self, position: Sequence[float]) -> tuple[float, float]:
        """(y, x) data pixels of a position in data coordinates of the array."""
        y, x = self.spatial
        return float(position[y]), float(position[x])

    def contains(self, position: Sequence[float]) -> bool:
        """Whether a position in data coordinates of the array lies on one of its pixels."""
        there = zip(position, self.shape, strict=True)
        return all(bool(np.isfinite(value)) and 0 <= _nearest(value) < size for value, size in there)

    def position(self, plane: Plane, frame: int, yx: Sequence[float]) -> list[float]:
        """Data coordinates in the array of (y, x) on a frame of a plane; the inverse of the functions above."""
        position = [0.0] * len(self.shape)
        for axis, value in zip((*self.held, *self.spatial), (*plane, *yx), strict=True):
            position[axis] = float(value)
        for axis, value in self._at(frame).items():
            position[axis] = float(value)
        return position

    def index(self, plane: Plane, frame: int) -> tuple[int | slice, ...]:
        """The index that takes the (y, x) frame out of an array of this shape."""
        index: list[int | slice] = [slice(None)] * len(self.shape)
        for axis, value in zip(self.held, plane, strict=True):
            index[axis] = value
        for axis, value in self._at(frame).items():
            index[axis] = value
        return tuple(index)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The first and the last frame of the steps `first` up to and with `last` along the frame axis."""
        return first * self.slices, last * self.slices + self.slices - 1

    def _at(self, frame: int) -> dict[int, int]:
        """The index of a frame on the frame axis and on the swept one."""
        step, part = divmod(frame, self.slices)
        at = {} if self.frame is None else {self.frame: step}
        return at if self.swept is None else {**at, self.swept: part}


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
        frame, *rest = key
        if not isinstance(frame, slice):
            return self._read(range(self.shape[0])[frame], rest)
        parts = [self._read(number, rest) for number in range(self.shape[0])[frame]]
        return np.stack(parts) if parts else self._read(0, rest)[np.newaxis][:0]

    def _read(self, frame: int, rest: Sequence[Any]) -> np.ndarray:
        wanted: list[Any] = [*rest, *[slice(None)] * (self.ndim - 1 - len(rest))]
        y, x, *channel = wanted
        index: list[Any] = list(self._axes.index(self._plane, frame))
        index[self._axes.spatial[0]], index[self._axes.spatial[1]] = y, x
        if self._rgb:
            index.append(slice(0, 3))
        read = np.asarray(self._data[tuple(index)])
        return read[..., channel[0]] if channel and channel[0] != slice(None) else read


def stack_from(data: Any, axes: Axes, plane: Plane, rgb: bool = False) -> Any:
    """An array as (frames, y, x) or (frames, y, x, 3): a view for numpy, read frame by frame for anything else.

    Args:
        data: an array of the shape of `axes`, with 3 or 4 colour samples after it for RGB.
        plane: the indices of the held axes.
    """
    if not isinstance(data, np.ndarray) or axes.swept is not None:
        return LazyStack(data, axes, plane, rgb)
    for axis, value in sorted(zip(axes.held, plane, strict=True), reverse=True):
        data = data[(slice(None),) * axis + (value,)]
    if rgb:
        data = data[..., :3]
    if axes.frame is None:
        return data[np.newaxis]
    return np.moveaxis(data, axes.frame - sum(axis < axes.frame for axis in axes.held), 0)


def frame_axis_choices(ndim: int) -> list[int]:
    """The axes that may count frames, in the array's order: any, when two more remain for y and x."""
    return list(range(ndim)) if ndim > 2 else []


def default_frame_axis(
    shape: Sequence[int], labels: Sequence[str], units: Sequence[str] = (), sliders: Sequence[int] = ()
) -> int | None:
    """The axis that most likely counts frames; None for a (y, x) image.

    The axis that is called time; else the one that is measured in units of time; else the one that is called depth;
    else the first that has a slider in the viewer and more than one index, channels last.

    Args:
        shape: of the array, without RGB.
        labels, units: of every axis, in words; units may be left out.
        sliders: the axes that are not on screen; the first ones but two where nothing is said.
    """
    if len(shape) <= 2:
        return None
    axes = range(len(shape))
    named = [label.strip().lower() for label in labels]
    for words, names in ((_TIME, named), (_TIME_UNITS, [unit.strip().lower() for unit in units]), (_DEPTH, named)):
        for axis in axes:
            if axis < len(names) and names[axis] in words:
                return axis
    hidden = [axis for axis in sliders if axis in axes] or list(axes[:-2])
    likely = sorted(hidden, key=lambda axis: (shape[axis] <= 1, is_channel(named, axis), axis))
    return likely[0]


def is_channel(labels: Sequence[str], axis: int) -> bool:
    """Whether an axis is called channels."""
    return axis < len(labels) and labels[axis].strip().lower() in _CHANNEL


def sweep_choices(axes: Axes, labels: Sequence[str] = ()) -> list[int]:
    """The axes that may be swept instead of held: those beside frames, y and x that have something to sweep."""
    others = [axis for axis in range(len(axes.shape)) if axis != axes.frame]
    free = others[:-2] if axes.frame is not None else []
    return [axis for axis in free if axes.shape[axis] > 1 and not is_channel(labels, axis)]


def _nearest(value: float) -> int:
    return int(np.floor(float(value) + 0.5))
