"""Merging, splitting, deleting and renumbering objects in the tables of a document. Pixels are not touched here.

Every function changes tables through `Tables.put`, so that the step that is open can take it back.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from napari_sam2.session import lineage
from napari_sam2.session.covers import Cover
from napari_sam2.session.history import MISSING, Tables
from napari_sam2.session.locks import Locks
from napari_sam2.session.places import EVERY, Place, Plane
from napari_sam2.session.prompt_steps import joined
from napari_sam2.session.prompts import Prompt
from napari_sam2.session.scores import Rows


@dataclass(frozen=True)
class DocumentObject:
    """`id` is the object's value in the label image (1 or more), `name` is for people."""

    id: int
    name: str


class Content:
    """The tables of a document.

    Attributes:
        objects: by id.
        prompts: by place (plane, object id, frame).
        seen: the mask that was there when the clicks of a place began to correct it, by place.
        locks: accepted places; object id 0 stands for every object of the frame.
        parents: of an object, by its id.
        births: how a daughter begins, by her id, where somebody has said so.
        scores: rows of (object score, predicted IoU, area) per frame, by (plane, object id).
        done: the frames of an object that were carried there from its present prompts, by (plane, object id).
        covers: what the mask that came of a prompt lies on, by place.
    """

    def __init__(self) -> None:
        self.objects: dict[int, DocumentObject] = {}
        self.prompts: dict[Place, Prompt] = {}
        self.seen: dict[Place, Any] = {}
        self.locks = Locks()
        self.parents: dict[int, tuple[int, ...]] = {}
        self.births: dict[int, lineage.Birth] = {}
        self.done: dict[tuple[Plane, int], frozenset[int]] = {}
        self.scores: dict[tuple[Plane, int], Rows] = {}
        self.covers: dict[Place, Cover] = {}
        self.tables = Tables(
            objects=self.objects,
            prompts=self.prompts,
            seen=self.seen,
            locks=self.locks,
            parents=self.parents,
            births=self.births,
            done=self.done,
            scores=self.scores,
            covers=self.covers,
        )


def move(content: Content, old: int, new: int, first: int = 0) -> None:
    """Hand prompts, locks and finished frames of an object to another one, from frame `first` on. 0 drops them."""
    for name, table, both in (("seen", content.seen, _stays), ("prompts", content.prompts, joined)):
        _move_places(content, name, table, [place for place in table if place[1] == old], new, first, both)
    _move_places(content, "locks", content.locks, content.locks.places_of(old), new, first, _stays)
    for (plane, object_id), frames in list(content.done.items()):
        if object_id != old:
            continue
        moved = frozenset(frame for frame in frames if frame >= first)
        content.tables.put("done", (plane, old), frames - moved or MISSING)
        if new and moved:
            content.tables.put("done", (plane, new), content.done.get((plane, new), frozenset()) | moved)


def relate(content: Content, parents: Mapping[int, tuple[int, ...]]) -> None:
    """Let the lineage be this. Who has no mother any more has no birth either."""
    for child in {*content.parents, *parents}:
        content.tables.put("parents", child, parents.get(child, MISSING))
    for child in content.births.keys() - parents.keys():
        content.tables.put("births", child, MISSING)


def rename_ids(content: Content, ids: Mapping[int, int]) -> None:
    """Call objects otherwise in the lineage; 0 takes them out of it."""
    births = {child: birth for child, birth in content.births.items() if child in ids}
    relate(content, lineage.replaced(content.parents, ids))
    for child, birth in births.items():
        content.tables.put("births", child, MISSING)
        if ids[child] in content.parents:
            content.tables.put("births", ids[child], min(birth, content.births.get(ids[child], birth)))


def _move_places(
    content: Content,
    name: str,
    table: MutableMapping[Place, Any],
    places: Iterable[Place],
    new: int,
    first: int,
    both: Callable[[Any, Any], Any],
) -> None:
    for place in places:
        plane, object_id, frame = place
        if object_id == EVERY or frame < first:
            continue
        value = table[place]
        content.tables.put(name, place, MISSING)
        if new:
            target = (plane, new, frame)
            content.tables.put(name, target, both(table[target], value) if target in table else value)


def _stays(there: Any, moved: Any) -> Any:
    return there
