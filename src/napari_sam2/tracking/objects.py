"""One tracked object: what the user said of it, and what came of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.tracking.marks import Marks
from napari_sam2.tracking.memory_bank import MemoryBank
from napari_sam2.tracking.view import View

if TYPE_CHECKING:
    from napari_sam2.tracking.depth import Profile


@dataclass(frozen=True)
class Interaction:
    """One thing the user said on one frame: some points, a box, or a mask. Coordinates are (y, x) pixels."""

    points: NDArray[Any]  # (N, 2) float
    labels: NDArray[Any]  # (N,), 1 positive, 0 negative
    box: tuple[float, float, float, float] | None = None
    mask: NDArray[Any] | None = None  # (y, x) bool
    candidate: int = 0
    """Which of the masks of an ambiguous click is meant, in the order of ``FrameResult.candidates``."""

    @property
    def positive(self) -> bool:
        """It says something that lies inside the object, not only what does not."""
        return self.box is not None or self.mask is not None or bool((self.labels == 1).any())


@dataclass(frozen=True)
class Answer:
    """What the network made of one object on one frame."""

    frame: int
    view: View
    logits: Tensor  # (1, S / 4, S / 4), holes filled; in the memory of the computer, whatever the device
    pointer: Tensor  # (width,)
    object_score: float
    predicted_iou: float
    candidates: Tensor  # (M, S / 4, S / 4), best first
    candidate_ious: Tensor  # (M,)
    painted: NDArray[Any] | None = None
    """(y, x) bool: the user's own mask, where it is the answer."""


@dataclass(eq=False)  # two objects are never the same, though one may come after the other under its id
class TrackedObject:
    """State of one object."""

    id: int
    bank: MemoryBank
    interactions: dict[int, list[Interaction]] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    """Answers to the prompts by frame; missing where a prompt has not been looked at yet."""
    answered: dict[int, int] = field(default_factory=dict)
    """How many interactions of a frame its answer includes."""
    seen: Marks = field(default_factory=Marks)
    """Frames on which it was segmented in a propagation, and whether backwards: a prompt there is a correction."""
    alone: set[int] = field(default_factory=set)
    """Frames that were answered before a propagation came by, so that memory had no say."""
    unsettled: set[int] = field(default_factory=set)
    """Frames with prompts that the memory does not include yet."""
    side: float | None = None
    """Side of its windows, in pixels; found at its first prompt."""
    lattice: tuple[int, int] | None = None
    """Tokens of a window and lattice step in pixels, where a published model follows it in a part of what it sees."""

    absent_for: int = 0
    """Frames in a row, up to the one tracked last, on which it was absent."""

    depth: dict[bool, Profile] = field(default_factory=dict)
    """How it has looked since the last prompt, forward and backward (True), where frames are slices."""

    def forget_answer(self, frame: int) -> None:
        """Let the prompts of a frame be looked at anew, as they were the first time."""
        if frame in self.alone:
            self.alone.remove(frame)
            self.seen.pop(frame, None)
        self.answers.pop(frame, None)
        self.answered.pop(frame, None)

    @property
    def starts(self) -> list[int]:
        """Frames on which the user said where the object is, ascending.

        Negative clicks alone do not, unless nothing else is left: then the frames on which they have been answered.
        """
        said = sorted(frame for frame, steps in self.interactions.items() if any(step.positive for step in steps))
        return said or sorted(self.answers)

    def expected(self, frame: int, *, backward: bool) -> bool:
        """The user has said that it is there farther on, so that it cannot end before."""
        return any((start < frame) if backward else (start > frame) for start in self.starts)

    def ahead_of(self, low: int, high: int) -> range:
        """Frames of low <= frame < high from the first one on that says where it is."""
        starts = self.starts
        return range(max(low, starts[0]), high) if starts else range(0)

    def before_start(self, low: int, high: int) -> range:
        """Frames of low <= frame < high before the first one that says where it is."""
        starts = self.starts
        return range(low, min(high, starts[0])) if starts else range(0)

    def up_to_last(self, low: int, high: int) -> range:
        """Frames of low <= frame < high up to the last prompted one that can be answered by itself."""
        last = max([*self.starts, *self.answers], default=-1)
        return range(low, min(high, last + 1))

    def stands(self, frame: int) -> bool:
        """The prompts on a frame can be answered without tracking the object to it."""
        return frame in self.seen or frame in self.answers or any(step.positive for step in self.interactions[frame])
