"""Files of stacks, opened lazily: TIFF, zarr and npy become (frames, y, x) or (frames, y, x, 3).

Axes have one letter each, as in TIFF metadata: T time, Z depth, C channel, Y, X, S colour samples (RGB), and Q for an
axis of which nothing is known. Without a word about it, the frames are the one axis that is left beside Y, X and S.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dask.array
import numpy as np

from napari_sam2.session import stack_sources
from napari_sam2.session.axes import Axes, stack_from
from napari_sam2.session.stack_sources import StackError

__all__ = ["Stack", "StackError", "View", "arrange", "open_stack"]


_ORDER = {letter: number for number, letter in enumerate("TZQCYXS")}


@dataclass(frozen=True)
class View:
    """What is to be seen of an array with more axes than a stack.

    Attributes:
        axes: one letter per axis, such as "TZYX"; None: from the file, or from the shape.
        index: the plane to take of axes with more than one, such as {"C": 2}.
        along: the axis that counts frames, such as "Z"; "Y" or "X" look at a z-stack from the side. None: the one axis
            that is left beside Y, X and S.
        sweep: an axis all planes of which are followed, so that every frame is a volume.
        channels: whether the axis C becomes colours.
        pixel_size: size of pixels by axis, such as {"Z": 1.0, "Y": 0.2}; None: from the file.
        level: of a file with several resolutions, 0 is the finest; None: the finest of which a frame can be looked at
            with `stack_sources.FRAME_MEMORY` bytes. Prompts and labels are in its pixels.
    """

    axes: str | None = None
    index: Mapping[str, int] = field(default_factory=dict)
    along: str | None = None
    sweep: str | None = None
    channels: bool = False
    pixel_size: Mapping[str, float] | None = None
    level: int | None = None


@dataclass(frozen=True)
class Stack:
    """A stack to track through.

    Attributes:
        array: (frames, y, x) or (frames, y, x, 3), read frame by frame as it is indexed (numpy memory map or dask).
            With a swept axis, frame = step * slices + slice.
        axes: the roles of the axes that are left.
        letters: of these axes and of labels, such as "TYX" or "TZYX".
        channels: (frames, y, x) of each channel, when they are to be composed; else empty.
        aspect: height of a pixel over its width.
        level: of a file with several resolutions, the one that this is.
    """

    array: Any
    axes: Axes
    letters: str
    channels: tuple[Any, ...] = ()
    aspect: float = 1.0
    level: int = 0

    @property
    def frame_axis(self) -> str:
        """What the frames are: "T", "Z", or "Y" or "X" of a volume that is seen from the side."""
        return self.letters[self.axes.frame or 0]

    @property
    def in_depth(self) -> bool:
        """Whether objects are followed from slice to slice of a volume."""
        return self.axes.in_depth(self.frame_axis in "ZYX")

    @property
    def labels_shape(self) -> tuple[int, ...]:
        """Of the labels, in the order of `letters`."""
        return (1, *self.axes.shape) if self.axes.frame is None else self.axes.shape

    def place(self, frame: int) -> tuple[int | slice, ...]:
        """Index of a frame in the labels."""
        return (0,) if self.axes.frame is None else self.axes.index((), frame)


@contextmanager
def open_stack(
    path: Path, *, axes: str | None = None, index: Mapping[str, int] | None = None, view: View | None = None
) -> Iterator[Stack]:
    """Open the file of a stack; it can be read until the block ends.

    Args:
        path: a TIFF file, a zarr folder (OME-Zarr too) or a npy file.
        axes, index: those of a View, for short.
        view: what is to be seen of it.

    Raises:
        StackError: one line that says what is wrong with the file and how to mend it.
    """
    view = view or View(axes, index or {})
    level = stack_sources.fitting_level(path) if view.level is None else view.level
    with stack_sources.open_source(path, level) as (array, found):
        if view.pixel_size is None:
            view = replace(view, pixel_size=stack_sources.pixel_sizes(path))
        try:
            stack = arrange(array, view, found)
        except StackError as error:
            raise StackError(f"{path}: {error}") from error
        yield replace(stack, level=level)


def arrange(array: Any, view: View, found: str | None = None) -> Stack:
    """An array as a stack.

    Args:
        array: numpy, dask, or anything that dask takes.
        view: what is to be seen of it.
        found: the letters that its file names.

    Raises:
        StackError: it has no such axes, or more than one that could count frames.
    """
    letters = _named(view.axes, array.shape) if view.axes else found or _guessed(array)
    return _arranged(array, letters, view)


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


def _arranged(array: Any, letters: str, view: View) -> Stack:
    """`array` with its axes in their roles, and all others gone."""
    if array.dtype.kind not in "buif" or 0 in array.shape:
        raise StackError(f"holds {array.dtype} of shape {array.shape}; expected a stack of real numbers")
    array, letters = _in_order(array, letters)
    roles = [(name or "").upper() for name in (view.along, view.sweep)]
    array, letters = _taken(array, letters, {key.upper(): value for key, value in view.index.items()})
    for place in reversed(range(len(letters))):
        kept = ("Y", "X", *roles, *("C" * view.channels))
        if array.shape[place] == 1 and letters[place] not in kept:
            array, letters = array[_at(place, 0)], letters[:place] + letters[place + 1 :]
    parts = _channels(array, letters) if view.channels else [array]
    letters = letters.replace("C", "") if view.channels else letters
    rgb = "S" in letters
    if rgb and parts[0].shape[-1] not in (3, 4):
        raise StackError(f"has {parts[0].shape[-1]} colour samples per pixel, expected 3 (RGB) or 4 (RGBA)")
    letters = letters.replace("S", "")
    shape = tuple(int(size) for size in parts[0].shape[: len(letters)])
    axes = _roles(shape, letters, *roles)
    stacks = tuple(stack_from(part, axes, (), rgb) for part in parts)
    sizes = [(view.pixel_size or {}).get(letters[axis], 0) for axis in axes.spatial]
    return Stack(
        stacks[0],
        axes,
        "".join("T" if letter not in "TZYX" else letter for letter in letters if axes.frame is not None) or "TYX",
        stacks if view.channels else (),
        sizes[0] / sizes[1] if min(sizes) > 0 else 1.0,
    )


def _in_order(array: Any, letters: str) -> tuple[Any, str]:
    """The array with frames before Y and X, colour samples last."""
    order = sorted(range(len(letters)), key=lambda place: _ORDER.get(letters[place], 2))
    if order == list(range(len(letters))) and isinstance(array, (np.ndarray, dask.array.Array)):
        return array, letters
    if not isinstance(array, (np.ndarray, dask.array.Array)):
        array = stack_sources.by_frame(array)
    return array.transpose(order), "".join(letters[place] for place in order)


def _roles(shape: tuple[int, ...], letters: str, along: str, sweep: str) -> Axes:
    """Which axis counts frames and which is swept; exactly two more are left."""
    for what, letter in (("follow objects along", along), ("sweep", sweep)):
        if letter and letter not in letters:
            sizes = _sizes(shape, letters)
            raise StackError(f"there is no axis {letter} to {what}; the axes are {sizes}")
    if sweep and sweep in (along, "Y", "X", "C"):
        raise StackError(f"the axis {sweep} cannot be swept; sweep Z to get a volume per time point")
    others = [letter for letter in letters if letter not in (along, sweep)]
    extra = [letter for letter in others if letter not in "YX"]
    if along:
        fits = len(others) == 2 and "C" not in (along, *others)
    else:
        fits = len(extra) <= 1 and extra != ["C"] and not (sweep and not extra)
        along = extra[0] if extra else ""
    if not fits:
        raise StackError(_too_many(shape, letters))
    return Axes(shape, letters.index(along) if along else None, letters.index(sweep) if sweep else None)


def _channels(array: Any, letters: str) -> list[Any]:
    if "C" not in letters:
        raise StackError(f"there is no axis C to make colours of; the axes are {_sizes(array.shape, letters)}")
    place = letters.index("C")
    return [array[_at(place, number)] for number in range(array.shape[place])]


def _sizes(shape: tuple[int, ...], letters: str) -> str:
    return ", ".join(f"{letter} {size}" for letter, size in zip(letters, shape, strict=False))


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
    sizes = _sizes(shape, letters)
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
        if extra == ["T", "Z"]:
            advice += ", or follow objects through all with --sweep Z"
        elif "C" in extra and len(extra) <= 2:
            advice += ", or show all in colours with --channels magenta,green"
    return f"has more axes than a stack of frames ({sizes}); {advice}"
