"""Outlines for the ROI manager of ImageJ and Fiji: a zip with one ROI per object and frame."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.export.errors import ExportError
from napari_sam2.export.libraries import need
from napari_sam2.export.measure import Measurements
from napari_sam2.export.outlines import Loop, outlines
from napari_sam2.export.overlay import colour_of
from napari_sam2.export.results import ExportOptions, Frame, Progress, Results, check_flat
from napari_sam2.files import written_beside

WHAT = "an ImageJ ROI zip"
_LARGEST = 2**15 - 1
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0


def write_rois(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write the zip. A ROI is called "object-frame", counted as ImageJ does from 1, and lies on its frame.

    An object in several parts or with holes becomes one composite ROI. Filling a ROI gives exactly the mask.

    Raises:
        ExportError: no object, frames that are volumes or larger than 32,767 pixels, or roifile is missing.
        OSError: the file cannot be written; what was there before stays.
    """
    check_flat(results, WHAT)
    if not len(measured):
        raise ExportError(f"no frame has an object, so {WHAT} would be empty; segment something first")
    if max(results.frame_shape) > _LARGEST:
        raise ExportError(
            f"{WHAT} holds coordinates up to {_LARGEST}, the frames have {results.frame_shape} pixels; "
            "export a part of them, or OME-TIFF"
        )
    roifile = need("roifile", "roifile", WHAT)
    with written_beside(path) as file:
        roifile.roiwrite(file, _rois(roifile, results, measured, progress), mode="w")
    return [path]


def _rois(roifile: Any, results: Results, measured: Measurements, progress: Progress) -> Iterator[Any]:
    frame: Frame | None = None
    shown = -1
    digits = max(4, len(str(results.count)))
    for row in range(len(measured)):
        item, index = int(measured.object[row]), int(measured.frame[row])
        if frame is None or index != shown:
            frame, shown = results.frame(index), index
            progress(index, results.count)
        (y0, x0), (y1, x1) = measured.box[row].tolist()
        loops = [np.add(loop, (y0, x0)) for loop in outlines(frame[y0:y1, x0:x1] == item)]
        roi = _polygon(roifile, loops[0]) if len(loops) == 1 else _composite(roifile, loops)
        roi.name = f"{item:04}-{index + 1:0{digits}}"
        roi.stroke_color = bytes((255, *colour_of(item)))
        # The number of the frame, as ImageJ gives it itself in a stack of one axis. Beside a position in time, ImageJ
        # ignores it, and then shows and measures all on the first frame of a stack that is no hyperstack.
        roi.position = index + 1
        yield roi


def _polygon(roifile: Any, loop: Loop) -> Any:
    roi = roifile.ImagejRoi.frompoints(loop[:, ::-1].astype(np.int32))
    roi.roitype = roifile.ROI_TYPE.TRACED
    # roifile takes points for pixels, these are corners.
    roi.bottom, roi.right = (int(value) for value in loop.max(axis=0))
    return roi


def _composite(roifile: Any, loops: list[Loop]) -> Any:
    """A shape: move to the first corner, lines to the others, close, for every outline."""
    path: list[float] = []
    for loop in loops:
        for place, (y, x) in enumerate(loop.tolist()):
            path += [_LINE if place else _MOVE, float(x), float(y)]
        path.append(_CLOSE)
    corners = np.concatenate(loops)
    roi = roifile.ImagejRoi()
    roi.roitype = roifile.ROI_TYPE.RECT
    roi.top, roi.left = (int(value) for value in corners.min(axis=0))
    roi.bottom, roi.right = (int(value) for value in corners.max(axis=0))
    roi.multi_coordinates = np.array(path, np.float32)
    roi.shape_roi_size = len(path)
    return roi
