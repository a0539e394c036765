"""A session as a folder that a person understands: JSON, a zarr of labels, and a README that says what is what.

Everything in it appears whole or not at all, so that a folder whose writer was killed can be read.
"""

import datetime
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from napari_sam2.files import written_beside
from napari_sam2.session.document import Document
from napari_sam2.session.folder_format import (
    README,
    DoneEntry,
    ImageEntry,
    LockEntry,
    ObjectEntry,
    PlaceEntry,
    PromptsEntry,
    SessionError,
    SessionFile,
    from_ranges,
    parse,
    ranges,
)
from napari_sam2.session.lineage import Birth, Parents
from napari_sam2.session.masks import Index
from napari_sam2.session.object_edits import DocumentObject
from napari_sam2.session.places import EVERY, Place, Plane
from napari_sam2.session.prompts import (
    ObjectPrompts,
    Prompt,
    PromptsError,
    read_prompts,
    with_slices,
    without_slices,
    write_prompts,
)
from napari_sam2.session.scores import Rows

__all__ = ["Saved", "SessionError", "SessionFolder", "Snapshot", "open_folder", "snapshot"]

SESSION, MASKS, SCORES = "session.json", "masks.zarr", "scores.npz"


@dataclass(frozen=True)
class Snapshot:
    """A document as it was at one moment, to be written while it changes. Quick to take; `entries` is the work.

    Attributes:
        tables: copies of the tables of the document.
        image: tells which image it belongs to; called when it is written, because it reads pixels.
    """

    tables: Mapping[str, Mapping[Any, Any]]
    current: int
    image: Callable[[], ImageEntry]
    model: str
    closed: bool = False

    def entries(self) -> tuple[SessionFile, list[list[ObjectPrompts]]]:
        """What stands in session.json, and the prompts of every plane that is named there."""
        document = Document()
        document.restore(current=self.current, **self.tables)
        planes = document.planes
        image = self.image()
        file = SessionFile(
            saved=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            closed=self.closed,
            image=image,
            model=self.model,
            current=self.current,
            objects=[_object_entry(o, document.parents, self.tables["births"].get(o.id)) for o in document.objects],
            prompts=[PromptsEntry(plane=list(plane), file=_prompts_name(plane)) for plane in planes],
            corrections=[
                PlaceEntry(object=object_id, frame=frame, plane=list(plane))
                for plane, object_id, frame in sorted(self.tables["seen"])
            ],
            accepted=[
                LockEntry(object=None if object_id == EVERY else object_id, frame=frame, plane=list(plane))
                for plane, object_id, frame in sorted(self.tables["locks"])
            ],
            done=[
                DoneEntry(object=object_id, plane=list(plane), frames=ranges(frames))
                for (plane, object_id), frames in sorted(self.tables["done"].items())
                if frames
            ],
        )
        return file, [with_slices(document.to_prompts(plane), image.slices) for plane in planes]


def snapshot(document: Document, image: Callable[[], ImageEntry], model: str, *, closed: bool = False) -> Snapshot:
    """The document as it is now."""
    return Snapshot(document.tables(), document.current, image, model, closed)


@dataclass
class Saved:
    """What a session folder holds.

    Attributes:
        image: which image it belongs to.
        model: name of the model, "" when nothing was segmented yet.
        masks: the labels, a lazy array of the image's shape.
    """

    folder: Path
    image: ImageEntry
    model: str
    closed: bool
    saved: str
    current: int
    objects: dict[int, DocumentObject]
    masks: Any
    parents: dict[int, tuple[int, ...]] = field(default_factory=dict)
    births: dict[int, Birth] = field(default_factory=dict)
    prompts: dict[Place, Prompt] = field(default_factory=dict)
    seen: dict[Place, Any] = field(default_factory=dict)
    locks: dict[Place, bool] = field(default_factory=dict)
    done: dict[tuple[Plane, int], frozenset[int]] = field(default_factory=dict)
    scores: dict[tuple[Plane, int], Rows] = field(default_factory=dict)

    def fill(self, document: Document) -> None:
        """Put all but the pixels into a document, in the place of what it holds."""
        document.restore(
            objects=self.objects,
            current=self.current,
            prompts=self.prompts,
            seen=self.seen,
            locks=self.locks,
            parents=self.parents,
            births=self.births,
            done=self.done,
            scores=self.scores,
        )


class SessionFolder:
    """Writes a session folder piece by piece. Every piece replaces the one before at once."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any, index: Index) -> None:
        """Make the folder, or go on with one that is there. Raises OSError, SessionError when it does not fit."""
        self.path = path
        self._index = index
        path.mkdir(parents=True, exist_ok=True)
        with written_beside(path / "README.txt") as file:
            file.write_text(README, encoding="utf-8")
        if (path / MASKS).exists():
            self._masks = _masks(path, shape, "r+")
        else:
            chunks = (*(1,) * (len(shape) - 2), *shape[-2:])
            self._masks = zarr.create_array(path / MASKS, shape=shape, dtype=dtype, chunks=chunks, fill_value=0)

    def write_frame(self, plane: Plane, frame: int, labels: npt.NDArray[Any]) -> None:
        """Write the (y, x) labels of a frame."""
        self._masks[self._index(plane, frame)] = labels

    def write(self, now: Snapshot) -> None:
        """Write all but the pixels; session.json last."""
        entries, prompts = now.entries()
        for entry, objects in zip(entries.prompts, prompts, strict=True):
            write_prompts(self.path / entry.file, objects)
        with written_beside(self.path / SCORES) as file:
            _write_scores(file, now.tables["scores"])
        with written_beside(self.path / SESSION) as file:
            file.write_text(entries.model_dump_json(indent=1) + "\n", encoding="utf-8")


def save_folder(
    path: Path,
    now: Snapshot,
    frames: Iterable[tuple[Plane, int, npt.NDArray[Any]]],
    shape: tuple[int, ...],
    dtype: Any,
    index: Index,
) -> None:
    """Write a whole session folder; one that is there is replaced when the new one is complete.

    Raises:
        OSError: it cannot be written. SessionError: `path` is there and is no session.
    """
    if path.exists() and not (path / SESSION).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise SessionError(f"{path} is there already and is no session; choose another name")
    beside = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    old = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        folder = SessionFolder(beside, shape, dtype, index)
        for plane, frame, labels in frames:
            if labels.any():
                folder.write_frame(plane, frame, labels)
        folder.write(now)
        if path.exists():
            os.replace(path, old)
        os.replace(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            os.replace(old, path)


def open_folder(path: Path) -> Saved:
    """Read a session folder. Raises SessionError, one line that says what is wrong and how to mend it."""
    try:
        content = json.loads((path / SESSION).read_text(encoding="utf-8"))
    except OSError as error:
        reason = "there is no session.json in it" if path.is_dir() else error.strerror
        raise SessionError(f"{path}: {reason}; choose the folder of a session") from error
    except ValueError as error:
        raise SessionError(f"{path / SESSION}: is damaged ({' '.join(str(error).split())[:100]})") from error
    try:
        entries = parse(content)
        prompts, seen = _prompts(path, entries)
    except (SessionError, PromptsError) as error:
        raise SessionError(f"{path}: {error}") from error
    shape = tuple(entries.image.shape)
    objects = {entry.id: DocumentObject(entry.id, entry.name) for entry in entries.objects}
    for _, object_id, _ in prompts:
        objects.setdefault(object_id, DocumentObject(object_id, f"object {object_id}"))
    if not objects:
        objects = {entries.current: DocumentObject(entries.current, f"object {entries.current}")}
    limit = int(np.prod(shape[:-2])) if len(shape) > 2 else 1
    return Saved(
        folder=path,
        image=entries.image,
        model=entries.model,
        closed=entries.closed,
        saved=entries.saved,
        current=entries.current if entries.current in objects else max(objects),
        objects=objects,
        masks=_masks(path, shape, "r"),
        parents={
            entry.id: tuple(parent for parent in entry.parents if parent in objects and parent != entry.id)
            for entry in entries.objects
            if entry.parents
        },
        births={
            entry.id: Birth(entry.born, entry.goes_on)
            for entry in entries.objects
            if entry.parents and entry.born is not None
        },
        prompts=prompts,
        seen=seen,
        locks={(tuple(entry.plane), entry.object or EVERY, entry.frame): True for entry in entries.accepted},
        done={
            (tuple(entry.plane), entry.object): from_ranges(entry.frames, max(limit, 1))
            for entry in entries.done
            if entry.object in objects
        },
        scores=_read_scores(path / SCORES),
    )


def rewrite(path: Path, change: Callable[[SessionFile], SessionFile]) -> None:
    """Change entries of the session.json of a folder. Raises SessionError, OSError."""
    entries = parse(json.loads((path / SESSION).read_text(encoding="utf-8")))
    with written_beside(path / SESSION) as file:
        file.write_text(change(entries).model_dump_json(indent=1) + "\n", encoding="utf-8")


def _object_entry(item: DocumentObject, parents: Parents, birth: Birth | None) -> ObjectEntry:
    own = list(parents.get(item.id, ()))
    if birth is None:
        return ObjectEntry(id=item.id, name=item.name, parents=own)
    return ObjectEntry(id=item.id, name=item.name, parents=own, born=birth.frame, goes_on=birth.goes_on)


def _prompts_name(plane: Plane) -> str:
    return "-".join(["prompts", *(str(value) for value in plane)]) + ".json"


def _prompts(path: Path, entries: SessionFile) -> tuple[dict[Place, Prompt], dict[Place, Any]]:
    """Prompts by place, and the masks that clicks correct."""
    prompts: dict[Place, Prompt] = {}
    seen: dict[Place, Any] = {}
    corrected = {(tuple(entry.plane), entry.object, entry.frame) for entry in entries.corrections}
    for entry in entries.prompts:
        document = Document()
        listed = read_prompts(path / entry.file)
        document.load_prompts(without_slices(listed, entries.image.slices) if entries.version > 1 else listed)
        for (object_id, frame), prompt in document.prompts().items():
            place = (tuple(entry.plane), object_id, frame)
            if place in corrected and prompt.mask is not None:
                seen[place] = prompt.mask
                prompt = replace(prompt, mask=None)
            prompts[place] = prompt
    return prompts, seen


def _masks(path: Path, shape: tuple[int, ...], mode: Any) -> Any:
    try:
        array = zarr.open_array(path / MASKS, mode=mode)
    except (OSError, ValueError, KeyError) as error:
        raise SessionError(f"{path / MASKS}: is damaged or missing; the prompts in {path} can still be used") from error
    if array.shape != shape or array.dtype.kind not in "iu":
        raise SessionError(f"{path / MASKS}: holds {array.dtype} of shape {array.shape}, expected labels of {shape}")
    return array


def _write_scores(file: Path, scores: Mapping[tuple[Plane, int], Rows]) -> None:
    longest = max((len(rows) for rows in scores.values()), default=0)
    rows = np.full((len(scores), longest, 3), np.nan, np.float32)
    for number, own in enumerate(scores.values()):
        rows[number, : len(own)] = own
    held = len(next(iter(scores))[0]) if scores else 0
    planes = np.array([plane for plane, _ in scores], dtype=np.int64).reshape(len(scores), held)
    with file.open("wb") as stream:
        np.savez(stream, planes=planes, objects=np.array([item for _, item in scores], np.int64), rows=rows)


def _read_scores(file: Path) -> dict[tuple[Plane, int], Rows]:
    """Scores can be had again, so a file that is damaged or missing is none."""
    try:
        with np.load(file, allow_pickle=False) as content:
            planes, objects, rows = content["planes"], content["objects"], content["rows"]
    except (OSError, ValueError, KeyError, EOFError):
        return {}
    if rows.ndim != 3 or rows.shape[2] != 3 or not len(planes) == len(objects) == len(rows):
        return {}
    return {
        (tuple(plane.tolist()), int(object_id)): own.astype(np.float32)
        for plane, object_id, own in zip(planes, objects, rows, strict=True)
    }
