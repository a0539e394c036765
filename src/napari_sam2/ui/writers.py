"""What napari's own save dialogue calls: a Labels layer, and images if they are selected too, in our formats."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils import progress
from napari.utils.notifications import show_warning

from napari_sam2.export.calibration import TURNED
from napari_sam2.export.errors import ExportError
from napari_sam2.export.formats import FORMATS, export_results
from napari_sam2.export.results import Results
from napari_sam2.result_sources import Cut
from napari_sam2.ui.export_source import calibration, channels, cut_of
from napari_sam2.ui.geometry import axis_name


class WriteError(RuntimeError):
    """What napari is to show. It takes a ValueError for "no such writer" and says nothing of the reason."""


LayerData = tuple[Any, dict[str, Any], str]


def write_ome_tiff(path: str, layers: list[LayerData]) -> list[str]:
    """See `export.ome_tiff`."""
    return _write("ome-tiff", path, layers)


def write_ome_zarr(path: str, layers: list[LayerData]) -> list[str]:
    """See `export.ome_zarr`."""
    return _write("ome-zarr", path, layers)


def write_csv(path: str, layers: list[LayerData]) -> list[str]:
    """See `export.table`."""
    return _write("csv", path, layers)


def write_ctc(path: str, layers: list[LayerData]) -> list[str]:
    """See `export.ctc`."""
    return _write("ctc", path, layers)


def write_geff(path: str, layers: list[LayerData]) -> list[str]:
    """See `export.geff`."""
    return _write("geff", path, layers)


def write_rois(path: str, layers: list[LayerData]) -> list[str]:
    """See `export.imagej_rois`."""
    return _write("imagej", path, layers)


def write_coco(path: str, layers: list[LayerData]) -> list[str]:
    """See `export.coco`."""
    return _write("coco", path, layers)


def write_gif(path: str, layers: list[LayerData]) -> list[str]:
    """See `export.movie`."""
    return _write("gif", path, layers)


def results_of(layers: list[LayerData], *, volumes: bool) -> Results:
    """The Labels layer among layer data tuples as results, the images as channels.

    Names and lineage are taken from the layer's features, where the widget leaves them (`object_summary`). Of axes
    beside time, depth, y and x the first index is taken.
    """
    data, attributes = _labels(layers)
    ndim = len(data.shape)
    layer: Any = SimpleNamespace(
        scale=np.asarray(attributes.get("scale", (1.0,) * ndim), float),
        translate=np.asarray(attributes.get("translate", (0.0,) * ndim), float),
        rotate=attributes.get("rotate", np.eye(ndim)),
        shear=attributes.get("shear", np.eye(ndim)),
        affine=attributes.get("affine", np.eye(ndim + 1)),
        units=attributes.get("units") or ("pixel",) * ndim,
        axis_labels=attributes.get("axis_labels") or ("",) * ndim,
    )
    cut = _cut(data, attributes, volumes=volumes)
    images = [Image(item[0], **_for_image(item[1])) for item in layers if item[2] == "image"]
    return Results(
        cut.of(data),
        cut.letter,
        parents=_parents(attributes.get("features")),
        names=_names(attributes.get("features")),
        calibration=calibration(layer, cut),
        channels=channels(images, cut),
        title=str(attributes.get("name", "objects")),
    )


def _tell_of_the_rest(name: str, layers: list[LayerData]) -> None:
    """Say so where a format gets one plane of more; napari does not tell which one is on screen."""
    data, attributes = _labels(layers)
    names = attributes.get("axis_labels") or ("",) * len(data.shape)
    held = [axis for axis in _cut(data, attributes, volumes=FORMATS[name].volumes).held if data.shape[axis] > 1]
    if held:
        first = ", ".join(f"the first of {data.shape[axis]} along {axis_name(axis, names[axis])}" for axis in held)
        show_warning(
            f"{FORMATS[name].title} holds frames of one plane: only {first} is written. Export… in the widget "
            "Segment stack takes the plane on screen; OME-TIFF and OME-Zarr hold time and depth."
        )


def _labels(layers: list[LayerData]) -> tuple[Any, dict[str, Any]]:
    """Array, at full size, and attributes of the Labels layer."""
    data, attributes, _ = next(item for item in layers if item[2] == "labels")
    return (data[0] if attributes.get("multiscale") else data), attributes


def _cut(data: Any, attributes: dict[str, Any], *, volumes: bool) -> Cut:
    """What of the labels is written."""
    ndim = len(data.shape)
    names, units = attributes.get("axis_labels") or ("",) * ndim, attributes.get("units") or ("pixel",) * ndim
    return cut_of(tuple(data.shape), names, units, None, (0,) * ndim, volumes)


def _for_image(attributes: dict[str, Any]) -> dict[str, Any]:
    wanted = ("name", "colormap", "contrast_limits", "rgb", "multiscale")
    return {key: attributes[key] for key in wanted if key in attributes}


def _parents(features: Any) -> dict[int, tuple[int, ...]]:
    if features is None or not {"index", "parents"} <= set(features):
        return {}
    return {
        int(item): tuple(int(parent) for parent in own.split())
        for item, own in zip(np.asarray(features["index"]), features["parents"], strict=True)
        if isinstance(own, str) and all(parent.isdecimal() for parent in own.split()) and own.strip()
    }


def _names(features: Any) -> dict[int, str]:
    if features is None or not {"index", "name"} <= set(features):
        return {}
    named = zip(np.asarray(features["index"]), features["name"], strict=True)
    return {int(item): name for item, name in named if isinstance(name, str) and name != f"object {item}"}


def _write(name: str, path: str, layers: list[LayerData]) -> list[str]:
    try:
        results = results_of(layers, volumes=FORMATS[name].volumes)
    except ExportError as error:
        raise WriteError(str(error)) from error
    if results.calibration.turned:
        show_warning(TURNED)
    _tell_of_the_rest(name, layers)
    with progress(total=2 * results.count, desc=f"Writing {FORMATS[name].title}") as bar:
        try:
            written = export_results(Path(path), results, name, progress=lambda done, _: bar.update(done - bar.n))
        except ExportError as error:
            how = " (Export… in the widget Segment stack offers it)" if error.offer is not None else ""
            raise WriteError(f"{error}{how}") from error
        except OSError as error:
            raise WriteError(str(error)) from error
    return [str(item) for item in written]
