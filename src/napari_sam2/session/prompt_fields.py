"""Checks of the single values of a prompts file.

Every function takes a value out of the JSON and `where` it stands, and returns it typed or raises a PromptsError of one
line, such as `objects[1].prompts[0].box: got 3 numbers, expected 4 (y0, x0, y1, x1)`.
"""

import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

# Labels are written as uint32 at most.
LARGEST_ID = 2**32 - 1


class PromptsError(ValueError):
    """A prompts file that cannot be used; the message is one line for the user."""


def kind(value: Any) -> str:
    """What a JSON value is, in words for a person."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return "a list" if isinstance(value, (list, tuple)) else "a group {...}"


def mapping(value: Any, where: str, *, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """A JSON object that has all required keys and no unknown ones (a typing error must not be passed over)."""
    if not isinstance(value, dict):
        raise PromptsError(f"{where}: got {kind(value)}, expected a group {{...}} with {_listed(required)}")
    for key in required:
        if key not in value:
            raise PromptsError(f'{where}: "{key}" is missing')
    known = (*required, *optional)
    for key in value:
        if key not in known:
            raise PromptsError(f'{where}: unknown entry "{key}", expected {_listed(known)}')
    return value


def sequence(value: Any, where: str) -> list[Any]:
    """A JSON list."""
    if not isinstance(value, list):
        raise PromptsError(f"{where}: got {kind(value)}, expected a list [...]")
    return value


def integer(value: Any, where: str, *, minimum: int, maximum: int | None = None) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise PromptsError(f"{where}: got {kind(value)}, expected a whole number")
    if value < minimum:
        raise PromptsError(f"{where}: got {value}, expected {minimum} or more")
    if maximum is not None and value > maximum:
        raise PromptsError(f"{where}: got {value}, expected at most {maximum}")
    return value


def number(value: Any, where: str) -> float:
    """A finite number. (JSON as Python reads it may also hold NaN and Infinity.)"""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PromptsError(f"{where}: got {kind(value)}, expected a number")
    try:
        result = float(value)
    except OverflowError as error:
        raise PromptsError(f"{where}: the number is too large") from error
    if not math.isfinite(result):
        raise PromptsError(f"{where}: got {value}, expected a finite number")
    return result


def points_and_labels(content: dict[str, Any], where: str) -> tuple[tuple[tuple[float, float], ...], tuple[int, ...]]:
    """The entries "points" ((y, x) data pixels) and "labels" (1 or 0 each) of one prompt; both may be absent."""
    if "points" not in content and "labels" not in content:
        return (), ()
    for key, other in (("points", "labels"), ("labels", "points")):
        if key not in content:
            raise PromptsError(f'{where}: has "{other}" without "{key}"; every point needs a label, 1 or 0')
    points = tuple(
        _point(value, f"{where}.points[{index}]")
        for index, value in enumerate(sequence(content["points"], f"{where}.points"))
    )
    labels = tuple(
        integer(value, f"{where}.labels[{index}]", minimum=0, maximum=1)
        for index, value in enumerate(sequence(content["labels"], f"{where}.labels"))
    )
    if not points:
        raise PromptsError(f"{where}.points: is empty, expected at least one [y, x]")
    if len(labels) != len(points):
        raise PromptsError(f"{where}.labels: got {len(labels)} for {len(points)} points, expected one per point")
    return points, labels


def box(value: Any, where: str) -> tuple[float, float, float, float]:
    """(y0, x0, y1, x1) in data pixels with y0 < y1 and x0 < x1."""
    values = sequence(value, where)
    if len(values) != 4:
        raise PromptsError(f"{where}: got {len(values)} numbers, expected 4 (y0, x0, y1, x1)")
    y0, x0, y1, x1 = (number(item, f"{where}[{index}]") for index, item in enumerate(values))
    for low, high, axis in ((y0, y1, "y"), (x0, x1, "x")):
        if low >= high:
            raise PromptsError(f"{where}: {axis}0 {low:g} is not below {axis}1 {high:g} (order is y0, x0, y1, x1)")
    return y0, x0, y1, x1


def inside(value: Any, where: str, folder: Path | None) -> Path | None:
    """The file of a mask, which must lie in `folder` or below, links followed. None when `folder` is None."""
    if not isinstance(value, str) or not value:
        raise PromptsError(f"{where}: got {kind(value)}, expected the name of an image file beside the JSON")
    # Both flavours are refused everywhere: a file made on one system is read on another.
    windows = PureWindowsPath(value)
    if PurePosixPath(value).is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise PromptsError(f"{where}: {value!r} leads out of the folder of the JSON; put the image beside the JSON")
    if folder is None:
        return None
    root = folder.resolve()
    file = (root / value).resolve()
    if not file.is_relative_to(root):
        raise PromptsError(f"{where}: {value!r} leads out of the folder of the JSON; put the image beside the JSON")
    return file


def mask_image(file: Path, where: str) -> npt.NDArray[np.bool_]:
    """(y, x) bool of a 2-D TIFF, True where it is above 0."""
    if not file.is_file():
        raise PromptsError(f"{where}: there is no file {file.name!r} beside the JSON (looked for {file})")
    try:
        image = tifffile.imread(file)
    except (tifffile.TiffFileError, OSError, ValueError) as error:
        raise PromptsError(f"{where}: {file.name} is not a readable TIFF image ({_one_line(error)})") from error
    if image.ndim != 2:
        raise PromptsError(f"{where}: {file.name} has shape {image.shape}, expected a 2-D image (y, x)")
    mask: npt.NDArray[np.bool_] = np.asarray(image > 0, dtype=np.bool_)
    if not mask.any():
        raise PromptsError(f"{where}: {file.name} has no object pixel (all are 0)")
    return mask


def _point(value: Any, where: str) -> tuple[float, float]:
    values = sequence(value, where)
    if len(values) != 2:
        raise PromptsError(f"{where}: got {len(values)} numbers, expected 2 (y, x)")
    return number(values[0], f"{where}[0]"), number(values[1], f"{where}[1]")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
