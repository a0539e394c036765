"""A session folder as it is given to a model: its prompts, the masks of accepted frames, and how its image was seen."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_sam2.session.axes import Axes
from napari_sam2.session.document import Document, Plane
from napari_sam2.session.fingerprint import fingerprint
from napari_sam2.session.folder import SessionError, open_folder
from napari_sam2.session.folder_format import ImageEntry
from napari_sam2.session.masks import Masks
from napari_sam2.session.prompts import ObjectPrompts, PromptsError, with_slices
from napari_sam2.session.stack_sources import open_source
from napari_sam2.session.stacks import View


def session_prompts(path: Path) -> list[ObjectPrompts]:
    """All that the model was told in a session, for doing all of its frames anew.

    Raises:
        PromptsError: no session, a damaged one, or one with prompts on more than one plane, whose files are named.
    """
    try:
        saved = open_folder(path)
    except SessionError as error:
        raise PromptsError(str(error)) from error
    axes = Axes(tuple(saved.image.shape), saved.image.frame_axis, saved.image.swept_axis)
    document = Document()
    saved.fill(document)
    if len(document.planes) > 1:
        names = ", ".join("-".join(["prompts", *map(str, plane)]) + ".json" for plane in document.planes)
        raise PromptsError(f"{path}: has prompts on several planes; give the file of one of them ({names})")
    planes = itertools.product(*(range(axes.shape[axis]) for axis in axes.held))
    document.masks = Masks(saved.masks, axes.frames, planes, axes.index, axes.slices)
    document.clear_done()
    plane = next(iter(document.planes), ())
    lives, heirs = document.standings(plane), document.heirs(plane)
    told = [
        replace(item, born=lives[item.id].born, gone=lives[item.id].gone, heirs=heirs.get(item.id, ()))
        if item.id in lives
        else item
        for item in document.to_prompts(plane, locks=True)
    ]
    return with_slices(told, axes.slices)


def session_image(path: Path) -> ImageEntry | None:
    """The image of a session and how it was seen; None for a prompts file."""
    if not path.is_dir():
        return None
    try:
        return open_folder(path).image
    except SessionError as error:
        raise PromptsError(str(error)) from error


def session_view(path: Path, source: Path, view: View) -> View:
    """How a file is to be seen so that it is what a session was made on; what `view` says itself stays.

    Args:
        path: the session, or a prompts file, which says nothing about it.
        source: the file of the stack.

    Raises:
        PromptsError: the session is damaged. StackError: the file cannot be read or has no such level.
    """
    image = session_image(path)
    if image is None:
        return view
    if view.level is None:
        view = replace(view, level=image.level)
    with open_source(source, view.level or 0) as (array, found):
        letters = named_axes(array, view.axes or found, image)
        place = None if letters is None else place_of(array, letters, image.shape, image.fingerprint)
    if letters is None or place is None or view.along or view.sweep or view.channels or view.index:
        return view
    left = "".join(letter for letter in letters if letter not in (*place, "S"))
    axes = Axes(tuple(image.shape), image.frame_axis, image.swept_axis)
    composed = image.composed.axis if image.composed is not None else None
    held = {left[axis]: at for axis, at in zip(axes.held, _plane(path), strict=False) if axis != composed}
    y, x = (left[axis] for axis in axes.spatial)
    return replace(
        view,
        axes=letters,
        index={**place, **held},
        along=left[axes.frame] if axes.frame is not None else None,
        sweep=left[axes.swept] if axes.swept is not None else None,
        channels=composed is not None and left[composed] == "C",
        pixel_size=view.pixel_size or {y: image.aspect, x: 1.0},
    )


def named_axes(array: Any, letters: str | None, image: ImageEntry) -> str | None:
    """A letter for every axis of the array of a file: its own, or by what the session did with them."""
    known = letters is not None and len(letters) == len(array.shape) and len(set(letters)) == len(letters)
    if known and "Q" not in str(letters):
        return str(letters).upper()
    if tuple(array.shape[: len(image.shape)]) != tuple(image.shape):
        return None
    roles = {image.frame_axis: "T", image.swept_axis: "Z"}
    if image.composed is not None and image.composed.axis is not None:
        roles[image.composed.axis] = "C"
    lead = range(len(image.shape) - 2)
    taken = {axis: letter for axis, letter in roles.items() if axis is not None and axis in lead}
    free = [letter for letter in "TZC" if letter not in taken.values()]
    if len(lead) > len(taken) + len(free):
        return None
    names = [taken[axis] if axis in taken else free.pop(0) for axis in lead]
    return "".join(names) + "YX" + "S" * bool(image.rgb)


def place_of(array: Any, letters: str, shape: Sequence[int], mark: str) -> dict[str, int] | None:
    """Which part of the array of a file has these pixels: all of it ({}), one of its channels ({"C": 1}), or none."""
    plain = [int(size) for size, letter in zip(array.shape, letters, strict=True) if letter != "S"]
    if plain == list(shape):
        return {} if mark in ("", fingerprint(array, shape)) else None
    if "C" in letters and plain[: letters.index("C")] + plain[letters.index("C") + 1 :] == list(shape):
        at = letters.index("C")
        for number in range(array.shape[at]):
            if fingerprint(array[(*[slice(None)] * at, number)], shape) == mark:
                return {"C": number}
    return None


def _plane(path: Path) -> Plane:
    """The plane that the prompts of a session are on."""
    return next((plane for plane, _, _ in open_folder(path).prompts), ())
