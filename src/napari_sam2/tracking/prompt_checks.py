"""Checks of what a user says, before anything is changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.errors import TrackingError

Shape = tuple[int, int]


def object_id(value: Any) -> int:
    """A positive whole number: 0 is the background of the labels."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 < value < 2**32:
        raise TrackingError(f"got object id {value!r}, expected a whole number from 1 on (0 is the background)")
    return int(value)


def frame_index(value: Any, frames: int) -> int:
    """A frame of the stack."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < frames:
        raise TrackingError(f"got frame {value!r}, expected a whole number from 0 to {frames - 1}")
    return int(value)


def points(values: Any, labels: Any, shape: Shape) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(N, 2) places (y, x) inside the frame and (N,) labels 1 or 0; no labels: all positive."""
    places = _numbers(values, "points")
    if places.ndim == 1 and places.shape == (2,):
        places = places[None]
    if places.ndim != 2 or places.shape[1] != 2 or not len(places):
        raise TrackingError(f"got points of shape {places.shape}, expected a list of (y, x) pairs")
    kinds = np.ones(len(places), np.int64) if labels is None else np.atleast_1d(np.asarray(labels))
    if kinds.shape != (len(places),):
        raise TrackingError(f"got {kinds.size} labels for {len(places)} points, expected one label per point")
    if not np.isin(kinds, (0, 1)).all():
        raise TrackingError(f"got point labels {kinds.tolist()}, expected 1 (positive) or 0 (negative)")
    _inside(places, shape, "point")
    return places, kinds.astype(np.int64)


def candidate(value: Any) -> int:
    """A place among the candidate masks, from 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise TrackingError(f"got candidate {value!r}, expected a whole number from 0 (the best mask) on")
    return int(value)


def box(values: Any, shape: Shape) -> tuple[float, float, float, float]:
    """Corners (y0, x0, y1, x1), put in order, cut to the frame."""
    corners = _numbers(values, "box")
    if corners.shape != (4,):
        raise TrackingError(f"got a box of {corners.size} numbers, expected (y0, x0, y1, x1)")
    y0, y1 = sorted(corners[[0, 2]].tolist())
    x0, x1 = sorted(corners[[1, 3]].tolist())
    y0, x0 = max(y0, -0.5), max(x0, -0.5)
    y1, x1 = min(y1, shape[0] - 0.5), min(x1, shape[1] - 0.5)
    if y1 - y0 < 1 or x1 - x0 < 1:
        raise TrackingError(
            f"got the box {corners.tolist()}, which covers no pixel of the frame of {shape[0]} x {shape[1]} pixels; "
            "draw it around the object"
        )
    return y0, x0, y1, x1


def mask(values: Any, shape: Shape) -> NDArray[np.bool_]:
    """(y, x) mask with at least one pixel."""
    array = np.asarray(values)
    if array.shape != shape:
        raise TrackingError(f"got a mask of shape {array.shape}, expected the frame's shape {shape}")
    if array.dtype.kind not in "buif":
        raise TrackingError(f"got a mask of {array.dtype}, expected numbers or booleans, object pixels > 0")
    inside = array > 0
    if not inside.any():
        raise TrackingError("got an empty mask; paint at least one pixel of the object")
    # Pages of zeros that nobody writes to take no memory: hundreds of masks of large frames are no matter.
    pixels: NDArray[np.bool_] = np.zeros(shape, bool)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    pixels[part] = inside[part]
    return pixels


def _numbers(values: Any, what: str) -> NDArray[np.float32]:
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise TrackingError(f"got {what} {values!r}, expected numbers") from error
    if not np.isfinite(array).all():
        raise TrackingError(f"got {what} {values!r}, expected finite numbers")
    return array


def _inside(places: NDArray[np.float32], shape: Shape, what: str) -> None:
    for y, x in places.tolist():
        if not (-0.5 <= y <= shape[0] - 0.5 and -0.5 <= x <= shape[1] - 0.5):
            raise TrackingError(
                f"got a {what} at (y, x) = ({y:g}, {x:g}), outside of the frame of {shape[0]} x {shape[1]} pixels"
            )
