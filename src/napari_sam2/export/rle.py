"""Masks as run lengths, as pycocotools encodes them, and what formats that are JSON with such masks have in common."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.export.errors import ExportError
from napari_sam2.export.libraries import need
from napari_sam2.export.measure import Measurements
from napari_sam2.export.results import Frame, Results, check_flat
from napari_sam2.files import written_beside

PACKAGE = "pycocotools"


def codec_for(results: Results, measured: Measurements, what: str) -> Any:
    """The module with `encode`, for results that a format of flat masks holds.

    Args:
        what: the format, for the message.

    Raises:
        ExportError: no object, frames that are volumes, or pycocotools is missing; says how to get it.
    """
    check_flat(results, what)
    if not len(measured):
        raise ExportError(f"no frame has an object, so there is nothing for {what} to hold; segment something first")
    return need("pycocotools.mask", PACKAGE, what)


def write_json(path: Path, document: dict[str, Any]) -> list[Path]:
    """Write it without blanks. Raises OSError; what was there before stays then."""
    with written_beside(path) as file:
        file.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    return [path]


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
