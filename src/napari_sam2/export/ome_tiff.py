"""Labels as OME-TIFF: axes, pixel sizes and the time between frames are in the file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_sam2.export.calibration import symbol
from napari_sam2.export.errors import ExportError
from napari_sam2.export.labels import CLASSIC_TIFF
from napari_sam2.export.measure import Measurements
from napari_sam2.export.results import ExportOptions, Progress, Results
from napari_sam2.files import written_beside

WHAT = "OME-TIFF"


def write_ome_tiff(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write labels as uint16, or uint32 where one is above 65,535.

    Raises:
        ExportError: a label above 4,294,967,295.
        OSError: the file cannot be written; what was there before stays.
    """
    largest = int(measured.object.max(initial=0))
    if largest >= 2**32:
        raise ExportError(f"label {largest} does not fit into the 32 bits of an {WHAT}; give the object a smaller id")
    dtype = np.dtype(np.uint16 if largest < 2**16 else np.uint32)
    planes = results.count * (results.frame_shape[0] if len(results.frame_shape) == 3 else 1)
    size = planes * results.frame_shape[-2] * results.frame_shape[-1] * dtype.itemsize
    with written_beside(path) as file:
        tifffile.imwrite(
            file,
            _planes(results, dtype, progress),
            shape=(results.count, *results.frame_shape),
            dtype=dtype,
            ome=True,
            compression="zlib",
            photometric="minisblack",
            metadata=ome_metadata(results),
            bigtiff=size > CLASSIC_TIFF,
        )
    return [path]


def ome_metadata(results: Results) -> dict[str, Any]:
    """What tifffile writes as OME-XML: axes, sizes and units."""
    calibration = results.calibration
    # An axis called Z wants the sizes of a volume whose slices are the frames.
    sizes = results.pixel_size
    if results.frame_axis == "Z" and len(sizes) == 2:
        sizes = (calibration.frame_step, *sizes)
    metadata: dict[str, Any] = {"axes": results.axes, "Name": results.title}
    for axis, size in zip("XYZ", reversed(sizes), strict=False):
        metadata[f"PhysicalSize{axis}"] = size
        metadata[f"PhysicalSize{axis}Unit"] = symbol(calibration.space_unit)
    if results.frame_axis == "T" and calibration.frames_known:
        metadata["TimeIncrement"] = calibration.frame_step
        metadata["TimeIncrementUnit"] = symbol(calibration.frame_unit)
    if calibration.placed:
        metadata["Plane"] = _places(results)
    return metadata


def _places(results: Results) -> dict[str, list[Any]]:
    """Where and when every plane is, in the units of the sizes."""
    calibration, depth = results.calibration, results.frame_shape[0] if len(results.frame_shape) == 3 else 1
    unit, steps = symbol(calibration.space_unit), np.arange(results.count) * calibration.frame_step
    places: dict[str, list[Any]] = {}

    def put(name: str, values: Any, unit: str) -> None:
        places[name] = [float(value) for value in values]
        places[f"{name}Unit"] = [unit] * len(places[name])

    planes = results.count * depth
    *z, y, x = results.origin
    put("PositionX", [x] * planes, unit)
    put("PositionY", [y] * planes, unit)
    if z:
        put("PositionZ", np.tile(z[0] + np.arange(depth) * results.pixel_size[0], results.count), unit)
    elif results.frame_axis == "Z":
        put("PositionZ", calibration.frame_origin + steps, unit)
    if results.frame_axis == "T" and calibration.frames_known:
        put("DeltaT", np.repeat(calibration.frame_origin + steps, depth), symbol(calibration.frame_unit))
    return places


def _planes(results: Results, dtype: np.dtype[Any], progress: Progress) -> Iterator[Any]:
    for index in range(results.count):
        frame = results.frame(index).astype(dtype, copy=False)
        yield from frame if frame.ndim == 3 else (frame,)
        progress(index + 1, results.count)
