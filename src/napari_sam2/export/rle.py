"""Masks as run lengths, as pycocotools encodes them."""

from typing import Any

import numpy as np

from napari_sam2.export.libraries import need
from napari_sam2.export.results import Frame

PACKAGE = "pycocotools"


def codec(what: str) -> Any:
    """The module with `encode`. Raises ExportError that says how to get it."""
    return need("pycocotools.mask", PACKAGE, what)


def encoded(coder: Any, frame: Frame, object_id: int, box: Any) -> dict[str, Any]:
    """{"size": [height, width], "counts": text} of one object; only its box is looked at.

    Pixels count down the columns, as the format wants it; runs of background and object take turns, background first.
    """
    height, width = frame.shape
    (y0, x0), (y1, x1) = box
    x, y = np.nonzero((frame[y0:y1, x0:x1] == object_id).T)
    place = (x.astype(np.int64) + x0) * height + y + y0
    new = np.flatnonzero(np.diff(place) > 1)
    starts, ends = np.r_[place[:1], place[new + 1]], np.r_[place[new], place[-1:]] + 1
    edges = np.column_stack([starts, ends]).ravel()
    counts = np.diff(np.r_[0, edges, height * width]).tolist()
    rle = coder.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


def nothing(coder: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """The run lengths of a frame without the object."""
    return encoded(coder, np.zeros(shape, np.uint8), 1, ((0, 0), (0, 0)))
