"""One tracked object: what the user said of it, and what came of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.tracking.memory_bank import MemoryBank
from napari_sam2.tracking.view import View


@dataclass(frozen=True)
class Interaction:
    """One thing the user said on one frame: some points, a box, or a mask. Coordinates are (y, x) pixels."""

    points: NDArray[Any]  # (N, 2) float
    labels: NDArray[Any]  # (N,), 1 positive, 0 negative
    box: tuple[float, float, float, float] | None = None
    mask: NDArray[Any] | None = None  # (y, x) bool


@dataclass(frozen=True)
class Answer:
    """What the network made of one object on one frame."""

    frame: int
    view: View
    logits: Tensor  # (1, S / 4, S / 4), holes filled
    pointer: Tensor  # (width,)
    object_score: float
    predicted_iou: float
    candidates: Tensor  # (M, S / 4, S / 4), best first
    candidate_ious: Tensor  # (M,)
    painted: NDArray[Any] | None = None
    """(y, x) bool: the user's own mask, where it is the answer."""


@dataclass
class TrackedObject:
    """State of one object."""

    id: int
    bank: MemoryBank
    interactions: dict[int, list[Interaction]] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    """Answers to the prompts by frame; missing where a prompt has not been looked at yet."""
    answered: dict[int, int] = field(default_factory=dict)
    """How many interactions of a frame its answer includes."""
    seen: dict[int, bool] = field(default_factory=dict)
    """Frames on which it was segmented in a propagation, and whether backwards: a prompt there is a correction."""
    unsettled: set[int] = field(default_factory=set)
    """Frames with prompts that the memory does not include yet."""
    side: float | None = None
    """Side of its windows, in pixels; found at its first prompt."""

    @property
    def prompted(self) -> list[int]:
        """Frames with prompts, ascending."""
        return sorted(self.interactions)

    @property
    def first(self) -> int:
        """First prompted frame."""
        return min(self.interactions)

    def has_positive(self) -> bool:
        """Something has been said that lies inside the object."""
        return any(
            step.box is not None or step.mask is not None or bool((step.labels == 1).any())
            for steps in self.interactions.values()
            for step in steps
        )
