"""Pixel sizes and the time between frames as files say them: OME-TIFF, ImageJ TIFF, OME-Zarr."""

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile
import zarr

from napari_sam2.export.calibration import Calibration, is_time, unit_name

Sizes = dict[str, tuple[float, str | None]]
"""(size, unit) by axis letter"""
Origins = dict[str, float]
"""Where the first pixel lies by axis letter, in the unit of the size"""


def calibration_of(path: Path, frame_axis: str, *, volumes: bool = False) -> Calibration:
    """What a file says of its sizes; sizes that it does not name are 1 pixel.

    Args:
        path: a TIFF file or a zarr folder; of others nothing is known.
        frame_axis: "T" or "Z", the axis whose step is wanted.
        volumes: whether frames are (z, y, x).
    """
    try:
        none: tuple[Sizes, Origins] = ({}, {})
        tiff = path.suffix.lower() in (".tif", ".tiff")
        sizes, origins = _of_zarr(path) if path.is_dir() else _of_tiff(path) if tiff else none
        return from_sizes(sizes, frame_axis, origins, volumes=volumes)
    except (tifffile.TiffFileError, ElementTree.ParseError, AttributeError, KeyError, TypeError, ValueError):
        # Metadata that nobody understands are as good as none; the pixels are what counts.
        return from_sizes({}, frame_axis, volumes=volumes)


def from_sizes(sizes: Sizes, frame_axis: str, origins: Origins | None = None, *, volumes: bool = False) -> Calibration:
    """A calibration from (size, unit) by axis letter. Lengths with different units stay pixels of these ratios."""
    sizes = {letter: size for letter, size in sizes.items() if math.isfinite(size[0]) and size[0]}
    letters = "ZYX" if volumes else "YX"
    units = {sizes[letter][1] for letter in letters if letter in sizes}
    unit = unit_name(units.pop()) if len(units) == 1 else None
    pixel = tuple(abs(sizes.get(letter, (1.0, None))[0]) for letter in letters)
    step, step_unit = sizes.get(frame_axis, (1.0, None))
    named = unit_name(step_unit)
    if step <= 0 or named is None or is_time(named) != (frame_axis == "T"):
        step, named = step if step > 0 else 1.0, None
    places = {letter: place for letter, place in (origins or {}).items() if math.isfinite(place)}
    origin = tuple(places.get(letter, 0.0) for letter in letters)
    return Calibration(
        pixel,
        None if unit is None or is_time(unit) else unit,
        step,
        named,
        # Places are counted in the same units as the sizes; with none, they are pixels too.
        origin if any(origin) else (),
        places.get(frame_axis, 0.0),
    )


def _of_tiff(path: Path) -> tuple[Sizes, Origins]:
    with tifffile.TiffFile(path) as tiff:
        if tiff.is_ome and tiff.ome_metadata:
            return _of_ome(tifffile.xml2dict(tiff.ome_metadata))
        if tiff.is_imagej and tiff.imagej_metadata:
            return _of_imagej(tiff), {}
    return {}, {}


def _of_ome(document: dict[str, Any]) -> tuple[Sizes, Origins]:
    image = document.get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    sizes: Sizes = {}
    for axis in "XYZ":
        if f"PhysicalSize{axis}" in pixels:
            # OME-XML's own default is the micrometre.
            sizes[axis] = (float(pixels[f"PhysicalSize{axis}"]), str(pixels.get(f"PhysicalSize{axis}Unit", "µm")))
    if "TimeIncrement" in pixels:
        sizes["T"] = (float(pixels["TimeIncrement"]), str(pixels.get("TimeIncrementUnit", "s")))
    planes = pixels.get("Plane", {})
    first = planes[0] if isinstance(planes, list) and planes else planes
    origins = {
        axis: float(first[f"Position{axis}"])
        for axis in "XYZ"
        # Positions of a stage are often in a unit of its own; those are no places of the image.
        if f"Position{axis}" in first
        and unit_name(str(first.get(f"Position{axis}Unit", ""))) == unit_name(sizes.get(axis, (1.0, None))[1])
    }
    if "DeltaT" in first and "T" in sizes and str(first.get("DeltaTUnit", "s")) == sizes["T"][1]:
        origins["T"] = float(first["DeltaT"])
    return sizes, origins


def _of_imagej(tiff: Any) -> Sizes:
    about = tiff.imagej_metadata
    unit = str(about.get("unit", "")).replace("\\u00B5", "µ")
    sizes: Sizes = {}
    for axis, tag in (("X", "XResolution"), ("Y", "YResolution")):
        if (value := tiff.pages[0].tags.get(tag)) is not None and value.value[0]:
            sizes[axis] = (value.value[1] / value.value[0], unit)
    if "spacing" in about:
        sizes["Z"] = (float(about["spacing"]), unit)
    if about.get("finterval"):
        sizes["T"] = (float(about["finterval"]), str(about.get("tunit", "sec")))
    return sizes


def _of_zarr(path: Path) -> tuple[Sizes, Origins]:
    node = zarr.open(path, mode="r")
    attributes: Any = node.attrs.asdict()
    multiscales = attributes.get("ome", attributes).get("multiscales") or [{}]
    axes, datasets = multiscales[0].get("axes", ()), multiscales[0].get("datasets") or [{}]
    steps = datasets[0].get("coordinateTransformations", ())
    scale, translation = (
        next((step[kind] for step in steps if step.get("type") == kind), ()) for kind in ("scale", "translation")
    )
    letters = [str(axis["name"])[:1].upper() for axis in axes if isinstance(axis, dict) and "name" in axis]
    units = [axis.get("unit") for axis in axes if isinstance(axis, dict) and "name" in axis]
    sizes = {letter: (float(size), unit) for letter, size, unit in zip(letters, scale, units, strict=False)}
    return sizes, {letter: float(place) for letter, place in zip(letters, translation, strict=False)}
