"""Roles of axes, the guess which one counts frames, and the stack that is read along them."""

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.session.axes import Axes, default_frame_axis, stack_from, sweep_choices


@st.composite
def roles(draw: st.DrawFn) -> Axes:
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=2, max_size=5)))
    order = draw(st.permutations(range(len(shape))))
    frame = order[0] if len(shape) > 2 else None
    swept = order[1] if len(shape) > 3 and draw(st.booleans()) else None
    return Axes(shape, frame, swept)


@given(roles(), st.data())
def test_every_position_leads_to_its_pixel_and_back(axes: Axes, data: st.DataObject) -> None:
    array = np.arange(np.prod(axes.shape)).reshape(axes.shape)
    place = [data.draw(st.integers(0, size - 1)) for size in axes.shape]
    plane, frame, (y, x) = axes.plane_of(place), axes.frame_of(place), axes.yx_of(place)
    assert axes.position(plane, frame, (y, x)) == place
    assert array[axes.index(plane, frame)].shape == axes.frame_shape
    assert array[axes.index(plane, frame)][int(y), int(x)] == array[tuple(place)]
    assert stack_from(array, axes, plane)[frame][int(y), int(x)] == array[tuple(place)]


def test_objects_are_followed_in_depth_where_frames_or_what_is_swept_are_slices() -> None:
    volume, both = (4, 9, 9), (3, 4, 9, 9)
    assert Axes(volume, 0).in_depth(True)
    assert not Axes(volume, 0).in_depth(False)
    assert Axes(both, 0, 1).in_depth(False), "through the slices of each time point"
    assert not Axes(both, 1, 0).in_depth(True), "through the time points of each slice"
    assert not Axes((3, 1, 9, 9), 0, 1).in_depth(False), "one slice is no depth"
    assert not Axes((9, 9), None).in_depth(True)


@pytest.mark.parametrize("lazy", ["dask", "zarr", "numpy"])
def test_a_swept_stack_is_numbered_through(lazy: str) -> None:
    array = np.random.default_rng(0).integers(0, 999, (3, 2, 4, 7, 9))
    axes = Axes(array.shape, 2, 0)
    made = {"dask": da.from_array, "zarr": zarr.array, "numpy": lambda array: array}[lazy](array)
    stack = stack_from(made, axes, (1,))
    assert stack.shape == (12, 7, 9)
    assert axes.held == (1,)
    np.testing.assert_array_equal(stack[7], array[1, 1, 2])
    np.testing.assert_array_equal(stack[3:9:2, 2:4], np.stack([array[f % 3, 1, f // 3, 2:4] for f in (3, 5, 7)]))
    assert axes.span(1, 2) == (3, 8)


def test_colour_of_a_swept_stack() -> None:
    array = np.random.default_rng(0).integers(0, 255, (3, 2, 7, 9, 4), np.uint8)
    stack = stack_from(array, Axes((3, 2, 7, 9), 0, 1), (), rgb=True)
    assert stack.shape == (6, 7, 9, 3)
    np.testing.assert_array_equal(stack[3], array[1, 1, ..., :3])
    np.testing.assert_array_equal(stack[3, :, 2, 1], array[1, 1, :, 2, 1])


GUESSES = [
    # shape, labels, units, sliders, frame axis
    ((5, 4, 7, 9), "zTyx", "", (0, 1), 1),  # called time
    ((5, 4, 7, 9), "abyx", "um s um um", (0, 1), 1),  # measured in time
    ((5, 4, 7, 9), "czyx", "", (0, 1), 1),  # depth before channels
    ((2, 4, 7, 9), "cqyx", "", (0, 1), 1),  # channels come last
    ((4, 7, 9), "zyx", "um um um", (0,), 0),
    ((4, 7, 9), "???", "", (2,), 2),  # the axis that has the slider
    ((4, 7, 9), "???", "", (), 0),
    ((1, 4, 7, 9), "????", "", (0, 1), 1),
    ((7, 9), "yx", "", (), None),
]


@pytest.mark.parametrize(("shape", "labels", "units", "sliders", "expected"), GUESSES)
def test_the_frame_axis_is_guessed(shape, labels, units, sliders, expected) -> None:
    assert default_frame_axis(shape, tuple(labels), units.split(), sliders) == expected


def test_what_may_be_swept() -> None:
    assert sweep_choices(Axes((3, 5, 7, 9), 0), "tzyx") == [1]
    assert sweep_choices(Axes((3, 5, 7, 9), 1), "tzyx") == [0]
    assert sweep_choices(Axes((3, 2, 7, 9), 0), "tcyx") == []
    assert sweep_choices(Axes((3, 1, 7, 9), 0), "tzyx") == []
    assert sweep_choices(Axes((3, 7, 9), 0), "tyx") == []


def test_what_is_no_number_lies_nowhere():
    axes = Axes((3, 10, 10), 0)
    assert axes.contains((0, 5, 5))
    for value in (np.nan, np.inf, -np.inf):
        assert not axes.contains((value, 5, 5))
        assert not axes.contains((0, 5, value))
