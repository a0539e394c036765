"""Labels as OME-Zarr 0.5: a pyramid of arrays that viewers read piece by piece, with what is known of every object."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_sam2.export.calibration import is_time
from napari_sam2.export.errors import ExportError
from napari_sam2.export.folders import check_folder, folder_written_beside
from napari_sam2.export.measure import Measurements
from napari_sam2.export.overlay import colour_of
from napari_sam2.export.results import Channel, ExportOptions, Progress, Results, silent
from napari_sam2.export.summary import features

WHAT = "OME-Zarr"
NAME = "objects"
VERSION = "0.5"
_COARSEST = 512  # pixels; no further level below
_CHUNK = 1024


def write_ome_zarr(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write a zarr folder with the label image in `labels/objects`; one frame is in memory at a time.

    With `options.image` the folder itself is the image, (t, c, y, x). Otherwise it is the same label image once more,
    by reference, so that viewers that look for an image first find something to show.

    `image-label.properties` has the rows of `summary.features`, `image-label.colors` the colours of our pictures.

    Raises:
        ExportError: a label above 4,294,967,295, no image to write, or the folder holds something else.
        OSError: the folder cannot be written; what was there before stays.
    """
    check_folder(path, is_ours, "labels as OME-Zarr")
    largest = int(measured.object.max(initial=0))
    if largest >= 2**32:
        raise ExportError(f"label {largest} does not fit into 32 bits; give the object a smaller id")
    if options.image and not results.channels:
        raise ExportError("there is no image to write along with the labels; name one, or write the labels alone")
    dtype = np.dtype(np.uint16 if largest < 2**16 else np.uint32)
    about = label_metadata(results, measured)
    if options.image:
        about["image-label"]["source"] = {"image": "../../"}
    with folder_written_beside(path) as folder:
        top = image_metadata(results) if options.image else _nested(about)
        root = zarr.create_group(folder, zarr_format=3, overwrite=True, attributes={"ome": top})
        labels = root.create_group("labels", attributes={"ome": {"version": VERSION, "labels": [NAME]}})
        group = labels.create_group(NAME, attributes={"ome": about})
        _fill(_levels(group, results, dtype), results.frame, results.count, progress)
        if options.image:
            _write_image(root, results)
    return [path]


def is_ours(folder: Path) -> bool:
    """Whether a folder is a zarr group that holds our labels, and perhaps an image, and nothing else."""
    inside = {item.name for item in folder.iterdir()}
    labels = {item.name for item in (folder / "labels").iterdir()} if (folder / "labels").is_dir() else set()
    return NAME in labels <= {"zarr.json", NAME} and all(
        name in ("zarr.json", "labels") or name.isdecimal() for name in inside
    )


def label_metadata(results: Results, measured: Measurements) -> dict[str, Any]:
    """The attribute "ome" of the label image."""
    table = features(results, measured)
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    return {
        "version": VERSION,
        "multiscales": [_multiscale(results, NAME, results.axes.lower())],
        "image-label": {
            "version": VERSION,
            "colors": [{"label-value": row["index"], "rgba": [*colour_of(row["index"]), 255]} for row in rows],
            "properties": [
                {"label-value": row["index"], **{key: value for key, value in row.items() if _said(key, value)}}
                for row in rows
            ],
        },
    }


def image_metadata(results: Results) -> dict[str, Any]:
    """The attribute "ome" of the image."""
    axes = results.axes.lower()
    return {
        "version": VERSION,
        "multiscales": [_multiscale(results, results.title, f"{axes[0]}c{axes[1:]}")],
        "omero": {
            "channels": [
                {
                    "label": channel.name,
                    "active": True,
                    "color": "".join(f"{round(255 * part):02X}" for part in channel.colour),
                    **_window(channel),
                }
                for channel in results.channels
            ]
        },
    }


def _window(channel: Channel) -> dict[str, Any]:
    if channel.limits is None:
        return {}
    low, high = channel.limits
    return {"window": {"min": low, "max": high, "start": low, "end": high}}


def _nested(about: dict[str, Any]) -> dict[str, Any]:
    """The metadata of the label image as seen from the top of the folder."""
    (scales,) = about["multiscales"]
    datasets = [{**level, "path": f"labels/{NAME}/{level['path']}"} for level in scales["datasets"]]
    return {**about, "multiscales": [{**scales, "datasets": datasets}]}


def _said(key: str, value: Any) -> bool:
    # JSON has no NaN; what is not known is left out.
    return key != "index" and value == value


def _multiscale(results: Results, name: str, axes: str) -> dict[str, Any]:
    levels = [
        {"path": str(level), "coordinateTransformations": _transformations(results, axes, level)}
        for level in range(_level_count(results))
    ]
    return {"name": name, "axes": [_axis(results, letter) for letter in axes], "datasets": levels}


def _axis(results: Results, letter: str) -> dict[str, str]:
    kind = {"t": "time", "c": "channel"}.get(letter, "space")
    calibration = results.calibration
    units = {results.frame_axis.lower(): calibration.frame_unit, "c": None}
    unit = units.get(letter, calibration.space_unit)
    axis = {"name": letter, "type": kind}
    if unit is not None and is_time(unit) == (kind == "time"):
        axis["unit"] = unit
    return axis


def _scale(results: Results, axes: str, level: int) -> list[float]:
    step = float(2**level)
    *depth, y, x = results.pixel_size
    frame_step = float(results.calibration.frame_step)
    return [frame_step, *[1.0] * ("c" in axes), *map(float, depth), float(y) * step, float(x) * step]


def _transformations(results: Results, axes: str, level: int) -> list[dict[str, Any]]:
    """From pixels of a level to the world. Levels begin with the same pixel, so the place is that of the finest."""
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": _scale(results, axes, level)}]
    if results.calibration.placed:
        place = [float(results.calibration.frame_origin), *[0.0] * ("c" in axes), *map(float, results.origin)]
        steps.append({"type": "translation", "translation": place})
    return steps


def _level_count(results: Results) -> int:
    """How many levels the pyramid has, each half as wide and high as the one before."""
    longest = max(results.frame_shape[-2:])
    return next(level for level in count(1) if longest / 2 ** (level - 1) <= _COARSEST)


def _levels(group: Any, results: Results, dtype: Any, channels: tuple[int, ...] = ()) -> list[Any]:
    """New arrays of a pyramid, one plane per chunk or less."""
    *depth, height, width = results.frame_shape
    arrays = []
    for level in range(_level_count(results)):
        size = tuple(-(-side // 2**level) for side in (height, width))
        arrays.append(
            group.create_array(
                str(level),
                shape=(results.count, *channels, *depth, *size),
                chunks=(1, *[1] * (len(channels) + len(depth)), *(min(side, _CHUNK) for side in size)),
                dtype=dtype,
                dimension_names=[results.axes[0].lower(), *["c"] * len(channels), *results.axes[1:].lower()],
            )
        )
    return arrays


def _fill(levels: list[Any], read: Callable[[int], Any], frames: int, progress: Progress) -> None:
    for index in range(frames):
        frame = read(index)
        for level, array in enumerate(levels):
            # Every second pixel: a mean of labels would be another object.
            array[index] = frame[..., :: 2**level, :: 2**level].astype(array.dtype, copy=False)
        progress(index + 1, frames)


def _write_image(root: Any, results: Results) -> None:
    dtype = np.result_type(*(channel.frames.dtype for channel in results.channels))
    levels = _levels(root, results, dtype, (len(results.channels),))

    def read(index: int) -> Any:
        return np.stack([np.asarray(channel.frames[index]) for channel in results.channels])

    _fill(levels, read, results.count, silent)
