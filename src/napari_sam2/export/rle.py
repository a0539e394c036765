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
    """{"size": [height, width], "counts": text} of one object; only its box is looked at."""
    mask = np.zeros(frame.shape, np.uint8, order="F")
    (y0, x0), (y1, x1) = box
    mask[y0:y1, x0:x1] = frame[y0:y1, x0:x1] == object_id
    rle = coder.encode(mask)
    return {"size": [int(size) for size in rle["size"]], "counts": rle["counts"].decode("ascii")}


def nothing(coder: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """The run lengths of a frame without the object."""
    return encoded(coder, np.zeros(shape, np.uint8), 1, ((0, 0), (0, 0)))
