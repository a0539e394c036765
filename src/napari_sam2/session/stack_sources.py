"""Opening the file formats of stacks: what is in them, lazily, and the axes that they name."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import tifffile
import zarr

FRAME_MEMORY = 2**30
"""Bytes that looking at one frame may take; a finer level of a file with several resolutions is not taken."""
_MOST_LEVELS = 32
_COPIES = 4
"""Copies of a frame in single precision that are in memory at a time while it is looked at."""


class StackError(ValueError):
    """A stack that cannot be used; the message is one line for the user."""


@contextmanager
def open_source(path: Path, level: int = 0) -> Iterator[tuple[Any, str | None]]:
    """(array, letters of its axes or None) of a file; the array is lazy and can be read until the block ends.

    Args:
        path: see the formats above.
        level: of a file with several resolutions, 0 is the finest.

    Raises:
        StackError: no such file, a format that is not read, a damaged file, or no such level.
    """
    if not path.exists():
        raise StackError(f"{path}: there is no such file; check the path")
    if path.is_dir():
        yield _open_zarr(path, level)
    elif path.suffix.lower() == ".npy":
        _level_of(path, [0], level)
        yield _open_npy(path), None
    else:
        with _open_tiff(path, level) as found:
            yield found


def finest_level(shapes: Sequence[Sequence[int]], rgb: bool, memory: int) -> int:
    """The first level of which a frame can be looked at within so many bytes; the last one when none can."""
    for level, shape in enumerate(shapes):
        pixels = math.prod(int(size) for size in shape[-3 if rgb else -2 :])
        if pixels * 4 * _COPIES <= memory:
            return level
    return len(shapes) - 1


def fitting_level(path: Path) -> int:
    """The finest level of a file with several resolutions that FRAME_MEMORY allows; 0 for all other files.

    Raises:
        StackError: see `open_source`.
    """
    shapes: list[Sequence[int]] = []
    letters: str | None = None
    while len(shapes) < _MOST_LEVELS:
        try:
            with open_source(path, len(shapes)) as (array, letters):
                shapes.append(array.shape)
        except StackError:
            if not shapes:
                raise
            break
    return finest_level(shapes, bool(letters and letters.endswith("S")), FRAME_MEMORY)


def _level_of(path: Path, levels: Sequence[Any], level: int) -> Any:
    """One of the levels of a file."""
    if not 0 <= level < len(levels):
        raise StackError(f"{path}: there is no level {level}; the levels are 0 (finest) to {len(levels) - 1}")
    return levels[level]


def _open_npy(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StackError(f"{path}: is damaged or no npy file of numbers; save the stack again") from error


@contextmanager
def _open_tiff(path: Path, level: int) -> Iterator[tuple[Any, str]]:
    try:
        tiff = tifffile.TiffFile(path)
    except (tifffile.TiffFileError, OSError, ValueError) as error:
        raise StackError(
            f"{path}: is damaged or no TIFF, zarr or npy; convert it, for example with Fiji (File > Save As > Tiff)"
        ) from error
    with tiff:
        series = _level_of(path, tiff.series[0].levels, level)
        if series.dataoffset is not None and series.dtype.isnative:
            array = np.memmap(path, series.dtype, "r", series.dataoffset, series.shape)
        else:
            array = by_frame(zarr.open_array(series.aszarr(level=0), mode="r"))
        yield array, tiff.series[0].axes


def _open_zarr(path: Path, level: int) -> tuple[Any, str | None]:
    try:
        node = zarr.open(path, mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise StackError(f"{path}: is a folder but no zarr; give a TIFF file or a zarr folder") from error
    letters: str | None = None
    if isinstance(node, zarr.Group):
        node, letters = _of_group(path, node, level)
    else:
        _level_of(path, [0], level)
        if node.metadata.zarr_format == 3:
            letters = _letters(node.metadata.dimension_names)
    return by_frame(node), letters


def _of_group(path: Path, group: zarr.Group, level: int) -> tuple[zarr.Array[Any], str | None]:
    """One resolution of an OME-Zarr image (0.4 and 0.5), or the only array of a plain group."""
    attributes: Any = group.attrs.asdict()
    multiscales = attributes.get("ome", attributes).get("multiscales")
    try:
        if multiscales:
            array = group[_level_of(path, multiscales[0]["datasets"], level)["path"]]
            letters = _letters([axis["name"] for axis in multiscales[0]["axes"]])
        else:
            ((_, array),) = group.arrays()
            letters = None
    except StackError:
        raise
    except (KeyError, IndexError, TypeError, ValueError) as error:
        arrays = ", ".join(sorted(name for name, _ in group.arrays())) or "none at its top"
        raise StackError(
            f"{path}: is no OME-Zarr image; give the path of one array in it (there are: {arrays})"
        ) from error
    if not isinstance(array, zarr.Array):
        raise StackError(f"{path}: its OME-Zarr metadata does not lead to an array; write it again")
    return array, letters


def _letters(names: Any) -> str | None:
    """Axes from names such as ("t", "y", "x"); None where they are none of ours."""
    letters = "".join(str(name)[:1].upper() for name in names or ())
    return letters if set("YX") <= set(letters) <= set("TZCYXSQ") and len(set(letters)) == len(letters) else None


def by_frame(array: Any) -> Any:
    """A dask array with one task per plane, so that one frame is what is read at a time."""
    shape = array.shape
    planes = 3 if shape[-1] in (3, 4) else 2
    chunks = (1,) * max(len(shape) - planes, 0) + shape[-planes:]
    return dask.array.from_array(array, chunks=chunks)


def pixel_sizes(path: Path) -> dict[str, float]:
    """Sizes of pixels by axis, such as {"Z": 1.0, "Y": 0.2, "X": 0.2}, as far as a file tells them in one unit."""
    found: dict[str, tuple[float, str]] = {}
    try:
        if path.is_dir():
            found = _zarr_sizes(zarr.open(path, mode="r"))
        elif path.suffix.lower() != ".npy":
            with tifffile.TiffFile(path) as tiff:
                found = _tiff_sizes(tiff)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, tifffile.TiffFileError):
        return {}  # sizes are a help, not needed
    lengths = {letter: size for letter, size in found.items() if letter in "ZYX" and 0 < size[0] < float("inf")}
    units = {unit for _, unit in lengths.values()}
    return {letter: size for letter, (size, _) in lengths.items()} if len(units) == 1 else {}


def _zarr_sizes(node: Any) -> dict[str, tuple[float, str]]:
    attributes: Any = node.attrs.asdict()
    image = attributes.get("ome", attributes)["multiscales"][0]
    scale = next(step["scale"] for step in image["datasets"][0]["coordinateTransformations"] if "scale" in step)
    return {
        axis["name"][:1].upper(): (float(size), str(axis.get("unit", "")))
        for axis, size in zip(image["axes"], scale, strict=True)
    }


def _tiff_sizes(tiff: tifffile.TiffFile) -> dict[str, tuple[float, str]]:
    if tiff.ome_metadata:
        image = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
        pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
        names = {letter: f"PhysicalSize{letter}" for letter in "ZYX"}
        return {
            letter: (float(pixels[name]), str(pixels.get(f"{name}Unit", "µm")))
            for letter, name in names.items()
            if name in pixels
        }
    if tiff.imagej_metadata:
        tags, found = tiff.pages.first.tags, {}
        for letter, name in (("Y", "YResolution"), ("X", "XResolution")):
            count, length = tags[name].value
            found[letter] = (length / count, "")
        if "spacing" in tiff.imagej_metadata:
            found["Z"] = (float(tiff.imagej_metadata["spacing"]), "")
        return found
    return {}
