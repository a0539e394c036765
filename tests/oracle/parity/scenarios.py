"""The sequences of calls that both sides run. Coordinates are (y, x) pixels of the frame, at pixel centres.

A session is one user at one stack: prompts and propagations in order. Frames already have the size of the
network's input, because Meta's two predictors resize differently from each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .frames import blob_centres, blob_mask, make_frames


@dataclass(frozen=True)
class Points:
    """Clicks on one object in one frame, in one interaction; labels 1 (positive) or 0 (negative)."""

    object_id: int
    frame: int
    points: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Box:
    """A box (y0, x0, y1, x1) around one object in one frame."""

    object_id: int
    frame: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Mask:
    """A bool mask (y, x) of one object in one frame."""

    object_id: int
    frame: int
    mask: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Propagate:
    """Run through the frames: from `start` (default: the first prompt) to `stop`, both included."""

    direction: Literal["forward", "backward"] = "forward"
    start: int | None = None
    stop: int | None = None


Step = Points | Box | Mask | Propagate


@dataclass(frozen=True)
class Session:
    """Frames (count, size, size, 3) uint8 and the steps taken on them.

    filled: whether small holes of the masks are filled. Without it nothing is decided at a logit of zero, where
    rounding may decide either way.
    """

    name: str
    frames: np.ndarray = field(repr=False)
    steps: tuple[Step, ...]
    filled: bool = True


@dataclass(frozen=True)
class ImagePrompt:
    """One prediction in a still image. `mask_logits` is (size/4, size/4) float32."""

    name: str
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask_logits: np.ndarray | None = field(default=None, repr=False)
    multimask: bool = False


def _near(blob: int, frame: int, size: int, dy: float = 0.0, dx: float = 0.0) -> tuple[float, float]:
    """A place (y, x) relative to the centre of a blob; dy and dx in parts of the frame."""
    cy, cx = blob_centres(frame, size)[blob]
    return round(float(cy + dy * size), 2), round(float(cx + dx * size), 2)


def _around(blob: int, frame: int, size: int) -> tuple[float, float, float, float]:
    """A slightly uneven box around a blob."""
    (y0, x0), (y1, x1) = _near(blob, frame, size, -0.095, -0.1), _near(blob, frame, size, 0.1, 0.09)
    return y0, x0, y1, x1


def image_prompts(size: int) -> tuple[ImagePrompt, ...]:
    """Predictions in a still image: every kind of prompt, and the combinations that change the path taken."""
    low = np.where(blob_mask(1, 0, size)[::4, ::4], 6.0, -6.0).astype(np.float32)
    one = (_near(0, 0, size),)
    two = (_near(0, 0, size), _near(0, 0, size, 0.03, 0.14))
    return (
        ImagePrompt("one point, three masks", one, (1,), multimask=True),
        ImagePrompt("two points", two, (1, 0)),
        ImagePrompt("box", box=_around(1, 0, size)),
        ImagePrompt("box and point", (_near(1, 0, size),), (1,), box=_around(1, 0, size)),
        ImagePrompt("point and mask logits", (_near(1, 0, size),), (1,), mask_logits=low),
        ImagePrompt("point and mask logits, three masks", one, (1,), mask_logits=low, multimask=True),
    )


def main_session(size: int, count: int, blank: tuple[int, ...]) -> Session:
    """Three objects by points, box and a later mask; forward; a correction; forward again; the first frame refined."""
    late, correct = 2, 3
    return Session(
        "forward",
        make_frames(count, size, blank=blank),
        (
            *_starts(size, late),
            Propagate(),
            Points(1, correct, (_near(0, correct, size, -0.02, 0.01),), (1,)),
            Propagate(start=0),
            Points(2, 0, (_near(1, 0, size, 0.03, 0.0),), (1,)),  # a frame that is its own memory by now
        ),
    )


def lean_session(size: int) -> Session:
    """The same in four frames, where every step is dear: after the correction the run goes on from there."""
    return Session(
        "forward",
        make_frames(4, size, blank=(2,)),
        (
            *_starts(size, 1),
            Propagate(),
            Points(1, 2, (_near(0, 2, size, -0.02, 0.01),), (1,)),
            Propagate(start=2),
        ),
    )


def _starts(size: int, late: int) -> tuple[Step, ...]:
    """Object 1 by two interactions and object 2 by a box on frame 0, object 3 by a mask on frame `late`."""
    return (
        Points(1, 0, (_near(0, 0, size),), (1,)),
        Points(1, 0, (_near(0, 0, size, 0.02, 0.12),), (0,)),
        Box(2, 0, _around(1, 0, size)),
        Mask(3, late, blob_mask(2, late, size)),
    )


def backward_session(size: int, count: int, blank: tuple[int, ...], *, lean: bool) -> Session:
    """Two objects prompted on the last frame and followed to the first; a correction there; back again.

    `lean`: one object, and the correction is the end.
    """
    last = count - 1
    steps: tuple[Step, ...] = (
        Points(1, last, (_near(0, last, size), _near(0, last, size, 0.0, 0.13)), (1, 0)),
        Mask(2, last, blob_mask(1, last, size)),
        Propagate("backward", start=last),
        Points(1, last - 2, (_near(0, last - 2, size),), (1,)),  # its memory lies in the frames after it
        Propagate("backward", start=last),
    )
    if lean:
        steps = (steps[0], *steps[2:4])
    return Session("backward", make_frames(count, size, blank=blank), steps)


def short_session(size: int) -> Session:
    """The least that has memory, three kinds of prompt and a correction: three frames."""
    return Session(
        "short",
        make_frames(3, size),
        (
            Points(1, 0, (_near(0, 0, size),), (1,)),
            Points(1, 0, (_near(0, 0, size, 0.02, 0.12),), (0,)),
            Mask(2, 1, blob_mask(2, 1, size)),
            Propagate(),
            Points(1, 2, (_near(0, 2, size),), (1,)),
        ),
    )


def absent_session(size: int) -> Session:
    """What `short_session` leaves out, in four frames: a box, the way back, an absence and a return, a correction."""
    last = 3
    return Session(
        "absent",
        make_frames(last + 1, size, blank=(2,)),
        (
            Points(1, last, (_near(0, last, size), _near(0, last, size, 0.0, 0.13)), (1, 0)),
            Box(2, last, _around(1, last, size)),
            Propagate("backward", start=last),
            Points(1, 1, (_near(0, 1, size),), (1,)),  # its memory lies in the frames after it
        ),
    )


def long_session(size: int) -> Session:
    """Twenty frames: past the six memories and the sixteen pointers, with prompts on several frames.

    Corrections are made where the run was halted, and the run goes on from there, as a user does.
    """
    return Session(
        "long",
        make_frames(20, size, blank=(6, 7, 13)),
        (
            Points(1, 0, (_near(0, 0, size),), (1,)),
            Box(2, 0, _around(1, 0, size)),
            Points(2, 0, (_near(1, 0, size, 0.12, 0.0),), (0,)),
            Mask(3, 2, blob_mask(2, 2, size)),
            Points(4, 0, (_near(3, 0, size),), (1,)),
            Points(4, 5, (_near(3, 5, size), _near(3, 5, size, 0.0, -0.12)), (1, 0)),
            Propagate(stop=9),
            Points(1, 9, (_near(0, 9, size),), (1,)),
            Points(1, 9, (_near(0, 9, size, -0.1, 0.06),), (0,)),
            Mask(2, 9, blob_mask(1, 9, size)),
            Propagate(start=9),
        ),
    )
