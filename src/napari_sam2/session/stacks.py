"""Files of stacks, opened lazily: TIFF, zarr and npy become (frames, y, x) or (frames, y, x, 3).

Axes have one letter each, as in TIFF metadata: T time, Z depth, C channel, Y, X, S colour samples (RGB), and Q for an
axis of which nothing is known. The frames are the one axis that is left beside Y, X and S.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.session import stack_sources
from napari_sam2.session.stack_sources import StackError

__all__ = ["Stack", "StackError", "open_stack"]


@dataclass(frozen=True)
class Stack:
    """A stack to track through.

    Attributes:
        array: (frames, y, x) or (frames, y, x, 3), read frame by frame as it is indexed (numpy memory map or dask).
        frame_axis: "T" or "Z": what the frames are.
    """

    array: Any
    frame_axis: str


@contextmanager
def open_stack(path: Path, *, axes: str | None = None, index: Mapping[str, int] | None = None) -> Iterator[Stack]:
    """Open the file of a stack; it can be read until the block ends.

    Args:
        path: a TIFF file, a zarr folder (OME-Zarr: its highest resolution) or a npy file.
        axes: one letter per axis of the file, such as "TYX"; from the file's metadata, else its shape, when None.
        index: the plane to take of axes with more than one, such as {"Z": 2}.

    Raises:
        StackError: one line that says what is wrong with the file and how to mend it.
    """
    with stack_sources.open_source(path) as (array, found):
        try:
            letters = _named(axes, array.shape) if axes else found or _guessed(array)
            stack = _arranged(array, letters, {key.upper(): value for key, value in (index or {}).items()})
        except StackError as error:
            raise StackError(f"{path}: {error}") from error
        yield stack


def _named(axes: str, shape: tuple[int, ...]) -> str:
    letters = axes.upper()
    if len(letters) != len(shape):
        raise StackError(f"axes {letters} name {len(letters)} axes, but the stack has {len(shape)}: {shape}")
    if not set(letters) <= set("TZCYXS") or len(set(letters)) != len(letters) or not set("YX") <= set(letters):
        raise StackError(f"axes {letters} cannot be used; take Y and X and some of T, Z, C, S, each once")
    return letters


def _guessed(array: Any) -> str:
    """Letters for a file that says nothing: colour only where it is plain to see."""
    shape = array.shape
    colour = len(shape) > 2 and shape[-1] in (3, 4) and array.dtype == np.uint8 and min(shape[-3:-1]) > 4
    guess = {2: "YX", 3: "YXS" if colour else "QYX", 4: "QYXS" if colour else None}.get(len(shape))
    if guess is None:
        raise StackError(f"the axes of shape {shape} are not known; name them, for example with --axes TZYX")
    return guess


def _arranged(array: Any, letters: str, index: Mapping[str, int]) -> Stack:
    """`array` with its axes in the order frame, Y, X(, S) and all others gone."""
    if array.dtype.kind not in "buif" or 0 in array.shape:
        raise StackError(f"holds {array.dtype} of shape {array.shape}; expected a stack of real numbers")
    array, letters = _taken(array, letters, index)
    for place in reversed(range(len(letters))):
        if array.shape[place] == 1 and letters[place] not in "YX":
            array, letters = array[_at(place, 0)], letters[:place] + letters[place + 1 :]
    frames = [letter for letter in letters if letter not in "YXS"]
    if len(frames) > 1 or frames == ["C"]:
        raise StackError(_too_many(array.shape, letters))
    order = [letters.index(letter) for letter in (*frames, "Y", "X", *("S" if "S" in letters else ""))]
    array = array.transpose(order)
    if not frames:
        array = array[None]
    if "S" in letters:
        if array.shape[-1] not in (3, 4):
            raise StackError(f"has {array.shape[-1]} colour samples per pixel, expected 3 (RGB) or 4 (RGBA)")
        array = array[..., :3]
    return Stack(array, "Z" if frames == ["Z"] else "T")


def _taken(array: Any, letters: str, index: Mapping[str, int]) -> tuple[Any, str]:
    """Take the chosen planes; their axes are gone afterwards."""
    for letter, position in index.items():
        if letter not in letters or letter in "YX":
            raise StackError(f"there is no axis {letter} to choose from; the axes are {letters} {array.shape}")
        place = letters.index(letter)
        if not 0 <= position < array.shape[place]:
            raise StackError(f"index {letter}={position} is outside 0..{array.shape[place] - 1}")
        array, letters = array[_at(place, position)], letters[:place] + letters[place + 1 :]
    return array, letters


def _at(place: int, position: int) -> tuple[Any, ...]:
    return (*[slice(None)] * place, position)


def _too_many(shape: tuple[int, ...], letters: str) -> str:
    sizes = ", ".join(f"{letter} {size}" for letter, size in zip(letters, shape, strict=True))
    extra = [letter for letter in letters if letter not in "YXS"]
    if len(set(extra)) < len(extra):
        example = "T" * ("T" not in extra) + "Z" * ("Z" not in extra) + "C"
        names = example[: len(extra)] + "".join(letter for letter in letters if letter in "YXS")
        advice = f"name the axes and choose one plane, for example --axes {names} --index {names[len(extra) - 1]}=0"
    else:
        # Frames are most likely time, then depth; channels are never frames.
        extra.sort(key=lambda letter: "TZ".find(letter) if letter in "TZ" else 3 if letter == "C" else 2)
        spare = extra if extra == ["C"] else extra[1:]
        advice = "choose one plane, for example " + " ".join(f"--index {letter}=0" for letter in spare)
    return f"has more axes than a stack of frames ({sizes}); {advice}"
