"""The part of a result that may be written, and under which ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Part:
    """Looks like a result of these objects."""

    frame: int
    object_ids: tuple[int, ...]
    labels: npt.NDArray[Any]


def part_of(result: Any, names: Mapping[int, int]) -> Any:
    """A result (frame, object_ids, labels) with the objects that have a name, called so."""
    if all(names.get(item) == item for item in result.object_ids):
        return result
    labels, kept = np.asarray(result.labels), tuple(item for item in result.object_ids if item in names)
    if max(names.values(), default=0) > np.iinfo(labels.dtype).max:
        labels = labels.astype(np.uint32)
    written = np.where(np.isin(labels, kept), labels, 0)
    for item in kept:
        if names[item] != item:
            written = np.where(labels == item, names[item], written)
    return Part(result.frame, tuple(names[item] for item in kept), written)
