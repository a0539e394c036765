"""Yes or no for frames, in little memory."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping


class Marks(MutableMapping[int, bool]):
    """A dictionary of frames that takes one byte for every frame up to the last one.

    Every object has some, and is marked on every frame: dictionaries and sets of numbers take many times as much.
    """

    def __init__(self) -> None:
        self._marks = bytearray()  # 0: none, 1: False, 2: True

    def __getitem__(self, frame: int) -> bool:
        if frame not in self:
            raise KeyError(frame)
        return self._marks[frame] == 2

    def __setitem__(self, frame: int, yes: bool) -> None:
        if frame < 0:
            raise KeyError(frame)
        if frame >= len(self._marks):
            self._marks.extend(bytes(frame + 1 - len(self._marks)))
        self._marks[frame] = 2 if yes else 1

    def __delitem__(self, frame: int) -> None:
        if frame not in self:
            raise KeyError(frame)
        self._marks[frame] = 0

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, int) and 0 <= frame < len(self._marks) and self._marks[frame] > 0

    def __iter__(self) -> Iterator[int]:
        return (frame for frame, mark in enumerate(self._marks) if mark)

    def __len__(self) -> int:
        return len(self._marks) - self._marks.count(0)
