"""What is remembered of one object: its prompted frames and the frames around the present one, never more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from torch import Tensor

from napari_sam2.sam2 import ModelConfig
from napari_sam2.tracking.view import View


@dataclass(frozen=True)
class Remembered:
    """One remembered frame of one object."""

    frame: int
    view: View
    map: Tensor  # (memory_width, h, w)
    pointer: Tensor  # (width,)
    logits: Tensor  # (1, S / 4, S / 4) of the view, in the memory of the computer
    object_score: float
    predicted_iou: float
    whole: bool = True
    """It has its map and logits, not the pointer alone."""

    def fits(self, side: int | None) -> bool:
        """Its map is there and can be used in a view of ``side`` tokens."""
        return self.whole and (side is None or self.map.shape[-1] == side)

    def pointer_alone(self) -> Remembered:
        """What is left of a frame that lies too far back for its map: a thousandth of the bytes."""
        return replace(self, map=self.map.new_empty(0), logits=self.logits.new_empty(0), whole=False)

    @property
    def present(self) -> bool:
        """The model believed that the object was there."""
        return self.object_score > 0


@dataclass(frozen=True)
class Selection:
    """The part of a bank that a frame is conditioned on, in the network's order (see ``sam2.model.Memory``)."""

    maps: tuple[Remembered, ...]
    ages: tuple[int, ...]
    pointers: tuple[Remembered, ...]
    times: tuple[int, ...]
    span: int

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for objects that can go through the network together."""
        return self.ages, self.times, self.span


def full_selection(entry: Remembered, config: ModelConfig) -> Selection:
    """A selection as large as it gets with one prompted frame, made of one entry alone."""
    ages = (0, *range(config.memories - 1, 0, -1))
    times = tuple(range(config.max_pointers))
    return Selection((entry,) * len(ages), ages, (entry,) * len(times), times, config.max_pointers)


@dataclass
class MemoryBank:
    """Memory of one object.

    Bounded: of the tracked frames only those stay that lie near the one tracked last, or near the first prompted one,
    where backward propagation starts; and of those only the nearest with their maps. Prompted frames (conditioning)
    stay until :meth:`keep_nearest` lets go of them.
    """

    config: ModelConfig
    conditioning: dict[int, Remembered] = field(default_factory=dict)
    tracked: dict[int, Remembered] = field(default_factory=dict)

    def condition(self, entry: Remembered) -> None:
        """Remember a prompted frame."""
        self.conditioning[entry.frame] = entry
        self.tracked.pop(entry.frame, None)

    def forget(self, frame: int) -> None:
        """Forget a frame, prompted or not."""
        self.conditioning.pop(frame, None)
        self.tracked.pop(frame, None)

    def track(self, entry: Remembered) -> None:
        """Remember a tracked frame and forget those that lie out of reach."""
        self.tracked[entry.frame] = entry
        reach = self.config.max_pointers - 1
        turns = [entry.frame, *([min(self.conditioning)] if self.conditioning else [])]
        for frame, other in list(self.tracked.items()):
            distance = min(abs(frame - turn) for turn in turns)
            if distance > reach:
                del self.tracked[frame]
            elif distance > self.config.memories and other.whole:
                self.tracked[frame] = other.pointer_alone()

    def keep_nearest(self, frame: int, count: int) -> set[int]:
        """Forget all prompted frames but ``count``; returns those that were forgotten.

        The nearest to ``frame`` stay, and the first one, from which backward propagation will start.
        """
        first = min(self.conditioning, default=None)
        order = sorted(self.conditioning, key=lambda other: (other != first, abs(other - frame)))
        for far in order[count:]:
            del self.conditioning[far]
        return set(order[count:])

    def latest(self, frame: int, *, backward: bool) -> Remembered | None:
        """The nearest frame that is prompted, or was tracked before ``frame`` in the direction of tracking.

        What was tracked on the frames to come is of an earlier propagation, perhaps from before a correction.
        """
        sign = 1 if backward else -1
        behind = [entry for entry in self.tracked.values() if (entry.frame - frame) * sign > 0 and entry.whole]
        every = [*self.conditioning.values(), *behind]
        return min(every, key=lambda entry: abs(entry.frame - frame), default=None)

    def _conditioning(self, frame: int, limit: int | None) -> list[Remembered]:
        entries = list(self.conditioning.values())
        if limit is not None and len(entries) > limit:
            # As in Meta's code, the nearest frames speak for the object best.
            entries = sorted(entries, key=lambda entry: abs(entry.frame - frame))[:limit]
        return entries

    def _at(self, frame: int, used: list[Remembered]) -> Remembered | None:
        """A tracked frame, or a prompted one that is not ``used`` for conditioning."""
        entry = self.tracked.get(frame)
        if entry is None:
            entry = self.conditioning.get(frame)
            if entry is not None and any(entry is other for other in used):
                return None
        return entry

    def select(
        self,
        frame: int,
        frames: int,
        side: int | None = None,
        *,
        backward: bool,
        limit: int | None = None,
        skip_absent: bool = False,
    ) -> Selection:
        """What ``frame`` is conditioned on. Pure: the bank stays as it is.

        Rules of Meta's ``_prepare_memory_conditioned_features``: all prompted frames (the ``limit`` nearest ones), the
        six frames before in the direction of tracking, oldest first; pointers of prompted frames that lie behind and
        of the fifteen frames before.

        Args:
            frame: the frame to be segmented.
            frames: length of the stack; short stacks have fewer pointers.
            side: of the view in tokens; maps of another size, or none, cannot be used in it. None: all are alike.
            backward: tracked from later frames to earlier ones.
            limit: most prompted frames to use.
            skip_absent: leave out tracked frames on which the object was absent.
        """
        sign = 1 if backward else -1
        used = self._conditioning(frame, limit)
        maps = [entry for entry in used if entry.fits(side)]
        ages = [0] * len(maps)
        for age in range(self.config.memories - 1, 0, -1):
            entry = self._at(frame + sign * age, used)
            if entry is not None and entry.fits(side) and (entry.present or not skip_absent):
                maps.append(entry)
                ages.append(age)
        span = min(frames, self.config.max_pointers)
        behind = [entry for entry in used if (entry.frame >= frame if backward else entry.frame <= frame)]
        pointers, times = list(behind), [(frame - entry.frame) * -sign for entry in behind]
        for age in range(1, span):
            entry = self._at(frame + sign * age, used)
            if entry is not None and (entry.present or not skip_absent):
                pointers.append(entry)
                times.append(age)
        return Selection(tuple(maps), tuple(ages), tuple(pointers), tuple(times), span)

    def __iter__(self) -> Iterator[Remembered]:
        yield from self.conditioning.values()
        yield from self.tracked.values()
