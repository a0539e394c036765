"""Objects end in depth, and not in time. Bundled model."""

from typing import Any

import numpy as np
import pytest

from napari_sam2 import TrackerOptions, View, load_model, segment_stack
from napari_sam2.session.prompts import ObjectPrompts, Prompt
from napari_sam2.tracking.depth import Profile, Seen


def course(first: Seen, *following: Seen) -> list[bool]:
    """Whether it goes on, slice by slice."""
    profile, absent, out = Profile(first), 0, []
    for seen in following:
        out.append(profile.goes_on(seen, absent))
        absent = 0 if seen.area else absent + 1
    return out


def bright(*areas: int) -> list[Seen]:
    return [Seen(area, 0.5) for area in areas]


def test_it_may_grow_to_its_largest_slice_and_shrink_from_there():
    assert course(*bright(40, 80, 120, 130, 110, 70, 20)) == [True] * 6
    assert course(*bright(100, 95, 100, 90, 99)) == [True] * 4, "no end by a little more and less"


def test_what_grows_after_it_has_shrunk_is_another_object():
    assert course(*bright(100, 70, 50, 90, 60, 40)) == [True, True, False, False, False]


def test_blur_is_no_object_whatever_its_side():
    for sign in (1, -1):
        slices = [Seen(90, sign * 0.4), Seen(80, sign * 0.04), Seen(80, sign * 0.4)]
        assert course(Seen(100, sign * 0.5), *slices) == [True, False, False]
    assert course(Seen(100, 0.5), Seen(90, -0.5)) == [False], "dark where it was bright"


def test_one_slice_may_be_missed_and_not_two():
    assert course(*bright(100, 0, 90)) == [True, True]
    assert course(*bright(100, 0, 0, 90)) == [True, True, False]


@pytest.fixture(scope="module")
def pillar() -> np.ndarray:
    """(14, 56, 56): a ball around slice 3, another one right behind it around slice 10."""
    z, y, x = np.mgrid[:14, :56, :56]
    first = ((z - 3) * 4) ** 2 + (y - 28) ** 2 + (x - 26) ** 2 < 144
    second = ((z - 10) * 4) ** 2 + (y - 28) ** 2 + (x - 30) ** 2 < 196
    return (np.random.default_rng(0).normal(300, 25, z.shape) + 900 * (first | second)).astype(np.uint16)


def test_the_next_object_behind_is_not_taken(pillar: np.ndarray) -> None:
    model: Any = load_model("micro", device="cpu")
    prompts = [ObjectPrompts(1, "ball", [Prompt(3, ((28, 26),), (1,))])]
    ended = segment_stack(pillar, prompts, model, view=View("ZYX")).any(axis=(1, 2))
    assert ended[1:5].all()
    assert not ended[8:].any()
    on = segment_stack(pillar, prompts, model, view=View("ZYX"), options=TrackerOptions(ends=False)).any(axis=(1, 2))
    assert on[8:].any(), "a stack that shows the difference"
    np.testing.assert_array_equal(segment_stack(pillar, prompts, model, view=View("TYX")).any(axis=(1, 2)), on)
    both = [ObjectPrompts(1, "ball", [*prompts[0].prompts, Prompt(10, ((28, 30),), (1,))])]
    again = segment_stack(pillar, both, model, view=View("ZYX")).any(axis=(1, 2))
    assert again[8:12].all(), "what the user says counts"
