"""Undo and redo: what was changed, step by step, kept small. Knows nothing of what the values mean."""

from collections.abc import Hashable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numcodecs.zstd import Zstd

from napari_sam2.session.places import Plane

# Labels of 300 cells on 2048 x 2048 pixels take 1 ms and 3 kB; zlib takes a hundred times as long, on the main thread.
_PACKER = Zstd(level=1)

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""Stands for the value of a key that is not there."""


@dataclass(frozen=True)
class FrameDelta:
    """What was written into the labels of one frame: the part that differs, before and after, compressed."""

    plane: Plane
    frame: int
    part: tuple[slice, slice]
    dtype: np.dtype[Any]
    packed: tuple[bytes, bytes]

    @classmethod
    def of(
        cls, plane: Plane, frame: int, part: tuple[slice, slice], before: npt.NDArray[Any], after: npt.NDArray[Any]
    ) -> "FrameDelta":
        """The difference of two (y, x) arrays that belong at `part` of a frame."""
        packed = tuple(
            bytes(_PACKER.encode(np.ascontiguousarray(each))) if each.size else b"" for each in (before, after)
        )
        return cls(plane, frame, part, before.dtype, (packed[0], packed[1]))

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return len(self.packed[0]) + len(self.packed[1])

    def turned(self, labels: npt.NDArray[Any], *, forth: bool) -> npt.NDArray[Any]:
        """Labels (y, x) of the frame with the write taken back, or made again. Pixels changed since then stay."""
        out = labels.copy()
        out[self.part] = self.turned_part(labels[self.part], forth=forth)
        return out

    def turned_part(self, region: npt.NDArray[Any], *, forth: bool) -> npt.NDArray[Any]:
        """The same for the labels at `part` of the frame alone."""
        before, after = (self._unpacked(each) for each in (self.packed if not forth else self.packed[::-1]))
        return np.where((before != after) & (region == after), before, region)

    def _unpacked(self, packed: bytes) -> npt.NDArray[Any]:
        rows, columns = self.part
        shape = rows.stop - rows.start, columns.stop - columns.start
        return np.frombuffer(_PACKER.decode(packed) if packed else b"", self.dtype).reshape(shape)


@dataclass
class Step:
    """One thing that the user can take back: values by (table, key), before and after, and pixels in order.

    With `elsewhere`, something that is not in the document is taken back with it, by who made the step.
    """

    text: str
    changes: dict[tuple[str, Any], tuple[Any, Any]] = field(default_factory=dict)
    pixels: list[FrameDelta] = field(default_factory=list)
    elsewhere: bool = False
    _values: int = field(default=0, init=False, repr=False, compare=False)
    """Memory that the values take, kept up with every change: a step may have 100,000 of them."""

    def __post_init__(self) -> None:
        self._values = sum(_size(pair) for pair in self.changes.values())

    @property
    def nbytes(self) -> int:
        """About the memory that it takes."""
        return self._values + sum(delta.nbytes for delta in self.pixels)

    @property
    def empty(self) -> bool:
        """Whether nothing is different after it."""
        return not self.pixels and not self.changes and not self.elsewhere

    def note(self, table: str, key: Hashable, before: Any, after: Any) -> None:
        """A value was changed; of several changes of one key the first `before` counts."""
        noted = self.changes.get((table, key))
        if noted is not None:
            self._values -= _size(noted)
        first = before if noted is None else noted[0]
        arrays = isinstance(first, np.ndarray) or isinstance(after, np.ndarray)
        if first is not after and (arrays or first != after):
            self.changes[table, key] = (first, after)
            self._values += _size((first, after))
        else:
            self.changes.pop((table, key), None)


def _size(pair: tuple[Any, Any]) -> int:
    """About the memory that two values take: masks and rows of numbers count, the rest is small."""
    arrays = [value if isinstance(value, np.ndarray) else getattr(value, "mask", None) for value in pair]
    return 200 + sum(int(array.nbytes) for array in arrays if array is not None)


class Tables:
    """Named dictionaries that note every change in the step that is open."""

    def __init__(self, **tables: MutableMapping[Any, Any]) -> None:
        self._tables = tables
        self.step: Step | None = None

    def put(self, table: str, key: Hashable, value: Any) -> None:
        """Set a value, or take the key away with MISSING."""
        content = self._tables[table]
        before = content.get(key, MISSING)
        if value is MISSING:
            content.pop(key, None)
        else:
            content[key] = value
        if self.step is not None:
            self.step.note(table, key, before, value)

    def turn(self, step: Step, *, forth: bool) -> None:
        """Let every value be what it was before a step, or after it."""
        for (table, key), (before, after) in step.changes.items():
            value = after if forth else before
            if value is MISSING:
                self._tables[table].pop(key, None)
            else:
                self._tables[table][key] = value


class History:
    """The steps that can be taken back and made again.

    Bounded: the oldest steps are forgotten beyond `most_steps` or `most_bytes`, but never the latest one.
    """

    def __init__(self, most_steps: int = 500, most_bytes: int = 256 * 2**20) -> None:
        self._most_steps = most_steps
        self._most_bytes = most_bytes
        self._back: list[Step] = []
        self._forth: list[Step] = []

    @property
    def undo_text(self) -> str:
        """What would be taken back, "" when there is nothing."""
        return self._back[-1].text if self._back else ""

    def next_of(self, way: str) -> Step | None:
        """The step that "undo" would take back, or "redo" make again; None when there is nothing."""
        steps = self._back if way == "undo" else self._forth
        return steps[-1] if steps else None

    @property
    def redo_text(self) -> str:
        """What would be made again, "" when there is nothing."""
        return self._forth[-1].text if self._forth else ""

    @property
    def nbytes(self) -> int:
        """About the memory that all steps take."""
        return sum(step.nbytes for step in (*self._back, *self._forth))

    def push(self, step: Step) -> None:
        """A step was made. What had been taken back before cannot be made again any more."""
        if step.empty:
            return
        self._forth.clear()
        self._back.append(step)
        self.trim()

    def extend(self, latest: Step, step: Step) -> bool:
        """Let a step be a part of the latest one. Returns False when that is not the latest one any more."""
        if not self._back or self._back[-1] is not latest:
            return False
        self._forth.clear()
        for (table, key), (before, after) in step.changes.items():
            latest.note(table, key, before, after)
        latest.pixels.extend(step.pixels)
        self.trim()
        return True

    def trim(self) -> None:
        """Forget the oldest steps beyond the limits."""
        sizes = [step.nbytes for step in self._back]
        while len(self._back) > 1 and (len(self._back) > self._most_steps or sum(sizes) > self._most_bytes):
            del self._back[0], sizes[0]

    def find(self, table: str, keys: Iterable[Hashable]) -> Step | None:
        """The latest step that changed the value of any of these keys."""
        wanted = [(table, key) for key in keys]
        return next((step for step in reversed(self._back) if any(key in step.changes for key in wanted)), None)

    def undo(self) -> Step | None:
        """The step to take back now; None when there is nothing."""
        if not self._back:
            return None
        self._forth.append(self._back.pop())
        return self._forth[-1]

    def redo(self) -> Step | None:
        """The step to make again now; None when there is nothing."""
        if not self._forth:
            return None
        self._back.append(self._forth.pop())
        return self._back[-1]

    def drop_elsewhere(self, step: Step) -> None:
        """What a step has made elsewhere is gone; with nothing else in it, there is nothing to take back any more."""
        step.elsewhere = False
        if step.empty:
            self._back = [other for other in self._back if other is not step]
            self._forth = [other for other in self._forth if other is not step]

    def clear(self) -> None:
        """Forget everything."""
        self._back.clear()
        self._forth.clear()
