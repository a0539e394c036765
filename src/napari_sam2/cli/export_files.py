"""The files that `napari-sam2 export` reads: labels, and the channels of the image that they belong to."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from napari_sam2.export.results import Channel
from napari_sam2.session.stack_sources import open_source
from napari_sam2.session.stacks import StackError

_COLOURS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_MOST_LEVELS = 32


def _arranged(path: Path, array: Any, letters: str) -> tuple[Any, Literal["T", "Z"]]:
    """An array of a file as (frames, y, x) or (t, z, y, x), and what the frames are."""
    if not {"Y", "X"} <= set(letters) or set(letters) - set("TZYXCQS"):
        letters = {2: "YX", 3: "TYX", 4: "TZYX"}.get(len(array.shape), "")
    if len(letters) == 3 and set("YX") < set(letters) and not set(letters) & set("TZ"):
        letters = "".join("T" if letter not in "YX" else letter for letter in letters)
    for place in reversed(range(len(letters))):
        if array.shape[place] == 1 and letters[place] not in "YX":
            array, letters = _taken(array, letters, place, 0)
    if sorted(letters) not in (sorted("YX"), sorted("TYX"), sorted("ZYX"), sorted("TZYX")):
        raise StackError(f"{path}: the axes of shape {array.shape} are not known; name them, for example --axes TZYX")
    array = array.transpose([letters.index(letter) for letter in "TZYX" if letter in letters])
    if "T" not in letters and "Z" not in letters:
        array = array[None]
    return array, "Z" if letters.count("Z") and not letters.count("T") else "T"


def _taken(array: Any, letters: str, place: int, index: int) -> tuple[Any, str]:
    """One index of an axis, which is gone then."""
    return array[(*[slice(None)] * place, index)], letters[:place] + letters[place + 1 :]


def label_stack(files: ExitStack, path: Path, axes: str | None) -> tuple[Any, Literal["T", "Z"]]:
    """Labels as (frames, y, x) or (t, z, y, x), and what the frames are. Raises StackError."""
    array, found = files.enter_context(open_source(path))
    if axes and len(axes) != len(array.shape):
        raise StackError(f"{path}: axes {axes.upper()} name {len(axes)} axes, but the labels have shape {array.shape}")
    return _arranged(path, array, (axes or found or "").upper())


def channels_of(files: ExitStack, path: Path, wanted: list[int] | None, shape: tuple[int, ...]) -> tuple[Channel, ...]:
    """The channels of an image at the resolution of the labels; of colours three.

    Args:
        wanted: their numbers; None for all.
        shape: of the labels.

    Raises:
        StackError: the image cannot be read. ValueError: it has no such channel.
    """
    array, letters = _image_of(files, path, shape)
    axis = next((letter for letter in "CS" if letter in letters and array.shape[letters.index(letter)] > 1), None)
    if axis is None:
        _check_channels(path, wanted, 1)
        return (Channel(path.stem, _arranged(path, array, letters)[0]),)
    place = letters.index(axis)
    count = min(array.shape[place], 3) if axis == "S" else array.shape[place]
    _check_channels(path, wanted, count)
    found = []
    for number in range(count) if wanted is None else wanted:
        part, _ = _arranged(path, *_taken(array, letters, place, number))
        colour = _COLOURS[number] if axis == "S" else _COLOURS[(number + 1) % 3] if count > 1 else (1.0, 1.0, 1.0)
        limits = (0, 255) if axis == "S" and array.dtype.itemsize == 1 else None
        name = ("red", "green", "blue")[number] if axis == "S" else f"{path.name.split('.')[0]} {number}"
        found.append(Channel(name, part, colour, limits))
    return tuple(found)


def _image_of(files: ExitStack, path: Path, shape: tuple[int, ...]) -> tuple[Any, str]:
    """The array of an image with a letter for each axis; of several resolutions the one that the labels have."""
    levels: list[tuple[Any, str]] = []
    for level in range(_MOST_LEVELS):
        try:
            array, found = files.enter_context(open_source(path, level))
        except StackError:
            if not levels:
                raise
            break
        colour = not found and array.shape[-1] in (3, 4) and len(array.shape) == len(shape) + 1
        letters = found or ("TZYX"[-len(shape) :] if len(shape) == 4 else "TYX") + "S" * colour
        levels.append((array, letters))
        if len(letters) == len(array.shape) and [array.shape[letters.index(axis)] for axis in "YX"] == list(shape[-2:]):
            return array, letters
    return levels[0]


def _check_channels(path: Path, wanted: list[int] | None, count: int) -> None:
    for number in wanted or ():
        if not 0 <= number < count:
            raise ValueError(f"--channel {number}: {path} has the channels 0 to {count - 1}")
