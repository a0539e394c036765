"""Prompts of objects, and the JSON file that holds them (format `napari-sam2/prompts`, version 1).

Coordinates are (y, x) data pixels at pixel centres; boxes are (y0, x0, y1, x1); frames count from 0.
Masks live in image files beside the JSON. See docs/formats.md.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_sam2.files import written_beside
from napari_sam2.session import prompt_fields as fields
from napari_sam2.session.lineage import Heirs
from napari_sam2.session.prompt_fields import PromptsError

__all__ = [
    "FORMAT",
    "VERSION",
    "ObjectPrompts",
    "Prompt",
    "PromptsError",
    "parse_prompts",
    "read_prompts",
    "write_prompts",
]

FORMAT = "napari-sam2/prompts"
VERSION = 1


@dataclass(frozen=True)
class Prompt:
    """One interaction with one object on one frame.

    Attributes:
        frame: index of the frame, from 0.
        points: (y, x) of every click, in data pixels.
        labels: one per point: 1 belongs to the object, 0 does not.
        box: (y0, x0, y1, x1) in data pixels, or None.
        mask: (y, x) bool, True on the object, or None.
        candidate: which mask of an ambiguous first click is meant, 0 for the best.
        slice: index of the slice, where a frame consists of several (a volume per time point).
    """

    frame: int
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: npt.NDArray[np.bool_] | None = field(default=None, hash=False)
    candidate: int = 0
    slice: int = 0

    def __eq__(self, other: object) -> bool:
        # The generated method would ask an array for its truth.
        if not isinstance(other, Prompt):
            return NotImplemented
        if (self.frame, self.slice, self.box) != (other.frame, other.slice, other.box):
            return False
        if (self.points, self.labels) != (other.points, other.labels):
            return False
        if self.candidate != other.candidate:
            return False
        if self.mask is other.mask or self.mask is None or other.mask is None:
            return self.mask is other.mask
        return np.array_equal(self.mask, other.mask)


@dataclass
class ObjectPrompts:
    """All prompts of one object.

    Attributes:
        id: its label value, 1 or more.
        name: for people.
        born: the first frame on which it can be, as a daughter: its mother was there before.
        gone: the first frame on which it can not be any more, as a mother.
        heirs: (first frame, id) of what it is called from then on. All three come from the lineage of a session; a
            prompts file does not say them.
    """

    id: int
    name: str
    prompts: list[Prompt]
    born: int = 0
    gone: int | None = None
    heirs: Heirs = ()


def with_slices(objects: Iterable[ObjectPrompts], slices: int) -> list[ObjectPrompts]:
    """Prompts on frames that are numbered through all slices of all steps, as a file has them: frame and slice."""
    return _renumbered(objects, lambda prompt: divmod(prompt.frame, slices), lambda frame: frame // slices)


def without_slices(objects: Iterable[ObjectPrompts], slices: int) -> list[ObjectPrompts]:
    """The inverse of `with_slices`: prompts with the slices of all frames counted through."""
    return _renumbered(objects, lambda prompt: (prompt.frame * slices + prompt.slice, 0), lambda frame: frame * slices)


def _renumbered(
    objects: Iterable[ObjectPrompts], place: Callable[[Prompt], tuple[int, int]], first: Callable[[int], int]
) -> list[ObjectPrompts]:
    out = []
    for item in objects:
        places = [place(prompt) for prompt in item.prompts]
        steps = [replace(p, frame=frame, slice=part) for p, (frame, part) in zip(item.prompts, places, strict=True)]
        gone = None if item.gone is None else first(item.gone)
        heirs = tuple((first(frame), heir) for frame, heir in item.heirs)
        out.append(ObjectPrompts(item.id, item.name, steps, first(item.born), gone, heirs))
    return out


def read_prompts(path: str | os.PathLike[str]) -> list[ObjectPrompts]:
    """Read a prompts file and the masks it names; of the folder of a session, its prompts and accepted masks.

    Raises:
        PromptsError: one line that names the entry that is wrong and why.
    """
    path = Path(path)
    if path.is_dir():
        # A session holds prompts, and accepted masks beside them; it builds on this module.
        from napari_sam2.session.replay import session_prompts

        return session_prompts(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PromptsError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise PromptsError(f"{path}: is not UTF-8 text, so not a prompts file") from error
    except json.JSONDecodeError as error:
        raise PromptsError(f"{path}: is not JSON: {error.msg} at line {error.lineno}") from error
    except RecursionError as error:
        raise PromptsError(f"{path}: is nested too deeply to be a prompts file") from error
    try:
        return _parse_document(document, path.parent)
    except PromptsError as error:
        raise PromptsError(f"{path}: {error}") from error


def parse_prompts(document: Mapping[str, Any], folder: str | os.PathLike[str] = ".") -> list[ObjectPrompts]:
    """The objects of a prompts document that is in memory already, with its masks read from `folder`.

    Raises:
        PromptsError: one line that names the entry that is wrong and why.
    """
    return _parse_document(document, Path(folder))


def write_prompts(path: str | os.PathLike[str], objects: list[ObjectPrompts]) -> None:
    """Write a prompts file, at once or not at all; masks go into `<stem>-masks/` beside it.

    Raises:
        PromptsError: an entry could not be read back; nothing was written.
    """
    path = Path(path)
    masks: dict[str, npt.NDArray[np.bool_]] = {}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "objects": [
            {
                "id": item.id,
                "name": item.name,
                "prompts": [
                    _prompt_entry(prompt, f"{path.stem}-masks/object{item.id}-frame{prompt.frame}-{index}.tif", masks)
                    for index, prompt in enumerate(item.prompts)
                ],
            }
            for item in objects
        ],
    }
    _parse_document(document, None)
    for name, mask in masks.items():
        with written_beside(path.parent / name) as file:
            tifffile.imwrite(file, mask.astype(np.uint8) * 255, compression="zlib", metadata={"axes": "YX"})
    with written_beside(path) as file:
        file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _prompt_entry(prompt: Prompt, mask_name: str, masks: dict[str, npt.NDArray[np.bool_]]) -> dict[str, Any]:
    """The JSON entry of a prompt; its mask, if any, is added to `masks` under `mask_name`."""
    entry: dict[str, Any] = {"frame": prompt.frame}
    if prompt.slice:
        entry["slice"] = prompt.slice
    if prompt.points or prompt.labels:
        entry["points"] = [list(point) for point in prompt.points]
        entry["labels"] = list(prompt.labels)
    if prompt.candidate:
        entry["candidate"] = prompt.candidate
    if prompt.box is not None:
        entry["box"] = list(prompt.box)
    if prompt.mask is not None:
        mask = np.asarray(prompt.mask)
        if mask.ndim != 2 or not mask.any():
            raise PromptsError(f"{mask_name}: a mask is a 2-D array with at least one object pixel, got {mask.shape}")
        masks[mask_name] = mask > 0
        entry["mask"] = mask_name
    return entry


def _parse_document(document: Any, folder: Path | None) -> list[ObjectPrompts]:
    """Check the whole document. With `folder` None the masks are not opened (used before writing)."""
    root = fields.mapping(document, "the file", required=("format", "version", "objects"))
    if root["format"] != FORMAT:
        raise PromptsError(f'format: got {root["format"]!r}, expected "{FORMAT}"')
    version = fields.integer(root["version"], "version", minimum=1)
    if version > VERSION:
        raise PromptsError(f"version: got {version}, this program reads up to {VERSION}; update napari-sam2")
    objects = [
        _parse_object(entry, f"objects[{index}]", folder)
        for index, entry in enumerate(fields.sequence(root["objects"], "objects"))
    ]
    first_with: dict[int, int] = {}
    for index, item in enumerate(objects):
        if item.id in first_with:
            raise PromptsError(f"objects[{index}].id: {item.id} is already the id of objects[{first_with[item.id]}]")
        first_with[item.id] = index
    return objects


def _parse_object(entry: Any, where: str, folder: Path | None) -> ObjectPrompts:
    content = fields.mapping(entry, where, required=("id", "prompts"), optional=("name",))
    identity = fields.integer(content["id"], f"{where}.id", minimum=1, maximum=fields.LARGEST_ID)
    name = content.get("name", f"object {identity}")
    if not isinstance(name, str):
        raise PromptsError(f"{where}.name: got {fields.kind(name)}, expected a text")
    prompts = fields.sequence(content["prompts"], f"{where}.prompts")
    return ObjectPrompts(
        identity,
        name,
        [_parse_prompt(prompt, f"{where}.prompts[{index}]", folder) for index, prompt in enumerate(prompts)],
    )


def _parse_prompt(entry: Any, where: str, folder: Path | None) -> Prompt:
    content = fields.mapping(
        entry, where, required=("frame",), optional=("points", "labels", "candidate", "box", "mask", "slice")
    )
    content = {key: value for key, value in content.items() if value is not None}
    if not content.keys() & {"points", "box", "mask"}:
        raise PromptsError(f'{where}: has nothing to go by, expected "points" with "labels", "box" or "mask"')
    points, labels = fields.points_and_labels(content, where)
    candidate = fields.integer(content.get("candidate", 0), f"{where}.candidate", minimum=0)
    if candidate and labels != (1,):
        raise PromptsError(f"{where}.candidate: is for a prompt with one point of label 1, got labels {list(labels)}")
    box = fields.box(content["box"], f"{where}.box") if "box" in content else None
    file = fields.inside(content["mask"], f"{where}.mask", folder) if "mask" in content else None
    return Prompt(
        frame=fields.integer(content.get("frame"), f"{where}.frame", minimum=0),
        points=points,
        labels=labels,
        box=box,
        mask=fields.mask_image(file, f"{where}.mask") if file is not None else None,
        candidate=candidate,
        slice=fields.integer(content.get("slice", 0), f"{where}.slice", minimum=0),
    )
