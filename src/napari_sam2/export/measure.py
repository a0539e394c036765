"""Where every object is in every frame, in one pass over the labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam2.export.errors import ExportError
from napari_sam2.export.results import Frame, Progress, Results, silent

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_TABLE = 2**20
"""Labels below this are looked up in a table."""


@dataclass(frozen=True)
class Measurements:
    """Columns with one entry per object and frame, in the order of frames, then objects.

    Attributes:
        object: its label.
        frame: from 0.
        area: in pixels; of volumes in voxels.
        centroid: (n, axes of a frame), mean of the pixel centres in data pixels, (y, x) or (z, y, x).
        box: (n, 2, axes of a frame), the first pixel and one behind the last on each axis.
        intensity: (n, channels, 3), mean, smallest and largest value of the image; NaN is left out.
        count: frames in the stack.
    """

    object: Integers
    frame: Integers
    area: Integers
    centroid: Floats
    box: Integers
    intensity: Floats
    count: int

    def __len__(self) -> int:
        return len(self.object)

    @property
    def ids(self) -> list[int]:
        """All objects that have a pixel, in order."""
        return [int(item) for item in np.unique(self.object)]

    def spans(self) -> dict[int, Integers]:
        """The frames of every object, in order."""
        order = np.lexsort((self.frame, self.object))
        ids, starts = np.unique(self.object[order], return_index=True)
        parts = np.split(self.frame[order], starts[1:])
        return {int(item): part for item, part in zip(ids, parts, strict=True)} if len(ids) else {}


def measure(results: Results, progress: Progress = silent, *, intensities: bool = False) -> Measurements:
    """Measure all objects in all frames; an object without pixels in a frame has no entry for it.

    Args:
        results: labels, and channels if intensities are wanted.
        progress: told after every frame.
        intensities: whether the image is to be read too.

    Raises:
        ExportError: a label is negative.
    """
    channels = results.channels if intensities else ()
    parts: list[tuple[Any, ...]] = []
    for number in range(results.count):
        images = [np.asarray(channel.frames[number]) for channel in channels]
        parts.append(_measured(results.frame(number), number, images))
        progress(number + 1, results.count)
    item, index, *others = (np.concatenate(column) for column in zip(*parts, strict=True))
    area, centroid, box, intensity = others
    return Measurements(item, index, area, centroid, box, intensity, results.count)


def _measured(frame: Frame, index: int, images: list[Any]) -> tuple[npt.NDArray[Any], ...]:
    """The columns of Measurements for one frame."""
    if frame.dtype.kind == "i" and (smallest := int(frame.min())) < 0:
        raise ExportError(f"got the label {smallest} in frame {index}, expected 0 (background) or more")
    # Somebody may write into the labels meanwhile.
    frame = frame.copy()
    place = np.nonzero(frame)
    ids, which, areas = compact(frame[place])
    n, ndim = len(ids), frame.ndim
    centroid, box = np.zeros((n, ndim)), np.zeros((n, 2, ndim), np.int64)
    for axis, where in enumerate(place):
        centroid[:, axis] = np.bincount(which, weights=where, minlength=n) / np.maximum(areas, 1)
        box[:, 0, axis] = frame.shape[axis]
        np.minimum.at(box[:, 0, axis], which, where)
        np.maximum.at(box[:, 1, axis], which, where + 1)
    intensity = np.full((n, len(images), 3), np.nan)
    for channel, image in enumerate(images):
        intensity[:, channel] = _intensity(image[place].astype(np.float64), which, n)
    return ids.astype(np.int64), np.full(n, index, np.int64), areas.astype(np.int64), centroid, box, intensity


def compact(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """(which labels there are, for each place in `labels` the index of its own, how often each is there)."""
    flat = labels.ravel()
    if not flat.size or int(flat.max()) >= _TABLE:
        ids, which, counts = np.unique(flat, return_inverse=True, return_counts=True)
        return ids, which.reshape(labels.shape), counts
    # Counting is ten times as fast as sorting, and most labels are small.
    counts = np.bincount(flat)
    ids = np.flatnonzero(counts)
    index = np.zeros(len(counts), np.intp)
    index[ids] = np.arange(len(ids))
    return ids, index[labels], counts[ids]


def _intensity(values: Floats, which: npt.NDArray[np.intp], n: int) -> Floats:
    """(n, 3) mean, smallest and largest value of each of n groups."""
    number = np.isfinite(values)
    values, which = values[number], which[number]
    counts = np.bincount(which, minlength=n)
    out = np.stack([np.zeros(n), np.full(n, np.inf), np.full(n, -np.inf)], axis=1)
    out[:, 0] = np.bincount(which, weights=values, minlength=n) / np.maximum(counts, 1)
    np.minimum.at(out[:, 1], which, values)
    np.maximum.at(out[:, 2], which, values)
    out[counts == 0] = np.nan
    return out
