"""Which object came from which: pure functions on a mapping child -> parents."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

Parents = Mapping[int, tuple[int, ...]]
Heirs = tuple[tuple[int, int], ...]
"""(first frame, id) of the daughters that an object goes on as, one after the other; of one frame the last counts."""


class Birth(NamedTuple):
    """The first frame of a daughter, and whether she is what her mother was called from there on before."""

    frame: int
    goes_on: bool = False


def heirs(parents: Parents, births: Mapping[int, Birth], object_id: int, prompted: Collection[int]) -> Heirs:
    """The daughters that an object goes on as: nothing was said of them but that they are what their mother became."""
    after = {
        mothers[0]: (births[child].frame, child)
        for child, mothers in parents.items()
        if len(mothers) == 1 and child in births and births[child].goes_on and child not in prompted
    }
    found: dict[int, int] = {}
    begin = 0
    while object_id in after and after[object_id][1] not in found:
        first, object_id = after[object_id]
        found[object_id] = begin = max(begin, first)
    return tuple((first, heir) for heir, first in found.items())


def heir_at(own: Heirs, object_id: int, frame: int) -> int:
    """What an object is called on a frame."""
    return next((heir for first, heir in reversed(own) if first <= frame), object_id)


def replaced(parents: Parents, ids: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """The lineage with objects called otherwise, or gone where `ids` says 0. Nothing is its own parent."""
    out: dict[int, tuple[int, ...]] = {}
    for child, own in parents.items():
        now = ids.get(child, child)
        merged = (*out.get(now, ()), *(ids.get(parent, parent) for parent in own))
        kept = tuple(dict.fromkeys(parent for parent in merged if parent not in (0, now)))
        if now and kept:
            out[now] = kept
    return out


def split(parents: Parents, old: int, new: int) -> dict[int, tuple[int, ...]]:
    """The lineage after the later frames of `old` have become `new`: its child, to which its children belong now."""
    out = {child: tuple(new if parent == old else parent for parent in own) for child, own in parents.items()}
    out[new] = (old,)
    return out


def life(
    parents: Parents, births: Mapping[int, Birth], object_id: int, known: Callable[[int], Collection[int]]
) -> tuple[int, int | None]:
    """The first frame on which an object can be, and the first on which it can not be any more.

    A mother ends where her first daughter begins. Where nobody has said when that is, what is known of the others
    decides: a daughter begins after all frames of her mother.

    Args:
        births: the frame on which a daughter begins, where somebody has said so.
        known: the frames on which an object is, as far as that is known.
    """
    children = [child for child, mothers in parents.items() if object_id in mothers]
    ends = [max(there) + 1 for mother in parents.get(object_id, ()) if (there := known(mother))]
    begins = [
        births[child].frame if child in births else min(there)
        for child in children
        if child in births or (there := known(child))
    ]
    born = births[object_id].frame if object_id in births else max(ends, default=0)
    return born, min(begins, default=None)


def is_descendant(parents: Parents, object_id: int, of: int) -> bool:
    """Whether an object comes from another one, or is it."""
    seen: set[int] = set()
    waiting = [object_id]
    while waiting:
        now = waiting.pop()
        if now == of:
            return True
        if now not in seen:
            seen.add(now)
            waiting.extend(parents.get(now, ()))
    return False
