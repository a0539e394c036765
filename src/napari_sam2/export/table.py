"""Measurements of every object in every frame, as a CSV table."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from napari_sam2.export.calibration import symbol
from napari_sam2.export.measure import Measurements
from napari_sam2.export.results import ExportOptions, Progress, Results
from napari_sam2.files import written_beside

_STATISTICS = ("mean", "min", "max")


def write_table(path: str | os.PathLike[str], results: Results, measured: Measurements) -> None:
    """Write one line per object and frame under a line of column names, which end in their unit.

    The first columns are always object, frame, area (pixels), centroid_y, centroid_x (pixels) and score (empty where
    it is not known). Name and parents of the object, the time or depth of the frame, size and place in units of length,
    and intensities follow where they are known.

    Args:
        path: the file to write or replace.
        results: what is known of the objects.
        measured: with intensities for as many channels as the table shall have.

    Raises:
        OSError: the file cannot be written; what was there before stays.
    """
    with written_beside(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_header(results, measured))
        writer.writerows(_rows(results, measured))


def write_csv(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """See `write_table`."""
    write_table(path, results, measured)
    return [path]


def _header(results: Results, measured: Measurements) -> list[str]:
    axes, calibration = "zyx"[-len(results.frame_shape) :], results.calibration
    names = ["object", "frame", "area", *(f"centroid_{axis}" for axis in axes), "score"]
    if results.names:
        names.append("name")
    if results.parents:
        names.append("parents")
    if calibration.frames_known:
        names.append(f"{'z' if results.frame_axis == 'Z' else 'time'}_{symbol(calibration.frame_unit)}")
    if calibration.known:
        unit = symbol(calibration.space_unit)
        names.append(f"volume_{unit}3" if len(axes) == 3 else f"area_{unit}2")
        names += [f"centroid_{axis}_{unit}" for axis in axes]
    for channel in results.channels[: measured.intensity.shape[1]]:
        names += [f"intensity_{statistic}_{channel.name}" for statistic in _STATISTICS]
    return names


def _rows(results: Results, measured: Measurements) -> Iterator[list[str]]:
    sizes, calibration = results.pixel_size, results.calibration
    pixel = 1.0
    for size in sizes:
        pixel *= size
    for row in range(len(measured)):
        item, frame, area = int(measured.object[row]), int(measured.frame[row]), int(measured.area[row])
        place = measured.centroid[row].tolist()
        score = results.scores.get((item, frame))
        values = [str(item), str(frame), str(area), *(f"{value:.3f}" for value in place)]
        values.append("" if score is None else f"{score:.4f}")
        if results.names:
            values.append(results.name(item))
        if results.parents:
            values.append(" ".join(str(parent) for parent in results.parents.get(item, ())))
        if calibration.frames_known:
            values.append(f"{calibration.frame_origin + frame * calibration.frame_step:.6g}")
        if calibration.known:
            values.append(f"{area * pixel:.6g}")
            world = zip(place, sizes, results.origin, strict=True)
            values += [f"{origin + value * size:.6g}" for value, size, origin in world]
        values += ["" if value != value else f"{value:.6g}" for value in measured.intensity[row].ravel().tolist()]
        yield values
