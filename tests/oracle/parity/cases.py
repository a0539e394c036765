"""Which scenario is run for which variant at which input size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from .frames import make_frames
from .record import Recording
from .scenarios import (
    Session,
    absent_session,
    backward_session,
    image_prompts,
    lean_session,
    long_session,
    main_session,
    short_session,
)

VARIANTS = tuple(
    f"{family}_hiera_{size}" for family in ("sam2", "sam2.1") for size in ("tiny", "small", "base_plus", "large")
)

BIASES = Path(__file__).with_name("object_score_bias.json")
"""Per "variant-case", the bias of the object-score head that leaves some objects present and some absent.

Found by `make_golden.py --calibrate`: random weights alone tend to say the same of every frame.
"""


@dataclass(frozen=True)
class Case:
    """One kind of comparison: the side of the input in pixels and what is done."""

    name: str
    image_size: int
    image: bool
    sessions: tuple[Session, ...]


def make_case(name: str) -> Case:
    """Build a case. Names: main-1024, main-256, long-256, short-1024, absent-1024 and
    unfilled-1024 (the same as absent-1024, with small holes left open).

    The published networks take inputs of 1024 x 1024; at 256 x 256 they are the same networks at a fraction of the
    cost, which makes long runs and all variants affordable in every test run.
    """
    kind, _, digits = name.partition("-")
    size = int(digits)
    if kind == "main":
        if size == 1024:
            return Case(name, size, True, (lean_session(size), backward_session(size, 4, (2,), lean=True)))
        return Case(name, size, True, (main_session(size, 7, (4,)), backward_session(size, 7, (4,), lean=False)))
    if kind == "long":
        return Case(name, size, False, (long_session(size),))
    if kind == "short":
        return Case(name, size, True, (short_session(size),))
    if kind == "absent":
        return Case(name, size, False, (absent_session(size),))
    if kind == "unfilled":
        return Case(name, size, False, (replace(absent_session(size), filled=False),))
    raise ValueError(
        f"no case {name!r}: expected main-1024, main-256, long-256, short-1024, absent-1024 or unfilled-1024"
    )


def run_case(side: object, model: object, case: Case) -> Recording:
    """Run a case with `parity.meta` or `parity.ours` as `side`."""
    recording = Recording()
    if case.image:
        image = make_frames(1, case.image_size)[0]
        recording.extend(side.run_image(model, image, image_prompts(case.image_size)))
    for session in case.sessions:
        recording.extend(side.run_session(model, session))
    return recording
