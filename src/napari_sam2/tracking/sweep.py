"""One way through the frames of a stack."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from napari_sam2.tracking.marks import Marks
from napari_sam2.tracking.objects import TrackedObject


@dataclass
class Sweep:
    """Forward or backward: on which frames an object is wanted, and where it has been.

    Objects and prompts may come and go on the way, so everything is asked anew.
    """

    wanted: Callable[[TrackedObject], range]
    backward: bool
    _done: WeakKeyDictionary[TrackedObject, Marks] = field(default_factory=WeakKeyDictionary)

    def missing(self, things: Collection[TrackedObject]) -> list[int]:
        """Frames that any object is still wanted on, in the order of travel."""
        frames = {frame for t in things for frame in self.wanted(t) if frame not in self._done.get(t, ())}
        return sorted(frames, reverse=self.backward)

    def members(self, things: Collection[TrackedObject], frame: int) -> list[TrackedObject]:
        """Objects that are still wanted on a frame, and can be followed to it without a jump.

        A late-comer that missed the frames before waits for the next time round.
        """
        before = frame + 1 if self.backward else frame - 1
        out = []
        for thing in things:
            wanted, done = self.wanted(thing), self._done.get(thing, ())
            follows = before not in wanted or before in done or before in thing.starts
            if frame in wanted and frame not in done and follows:
                out.append(thing)
        return out

    def visit(self, thing: TrackedObject, frame: int) -> None:
        """The object has been segmented on a frame."""
        self._done.setdefault(thing, Marks())[frame] = True
        thing.seen[frame] = self.backward
