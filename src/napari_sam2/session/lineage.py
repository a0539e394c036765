"""Which object came from which: pure functions on a mapping child -> parents."""

from collections.abc import Mapping

Parents = Mapping[int, tuple[int, ...]]


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
