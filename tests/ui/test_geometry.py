"""Axes of an image layer, and the stack that the tracker reads."""

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.layers import Image

from napari_sam2.ui.geometry import Axes, default_frame_axis, image_shape, placement, stack_of


@pytest.mark.parametrize(
    ("shape", "frame", "spatial", "held", "frames"),
    [
        ((7, 9), None, (0, 1), (), 1),
        ((4, 7, 9), 0, (1, 2), (), 4),
        ((7, 9, 4), 2, (0, 1), (), 4),
        ((4, 5, 7, 9), 0, (2, 3), (1,), 4),
        ((5, 4, 7, 9), 1, (2, 3), (0,), 4),
        ((5, 4, 2, 7, 9), 1, (3, 4), (0, 2), 4),
    ],
)
def test_roles_of_the_axes(shape, frame, spatial, held, frames):
    axes = Axes(shape, frame)
    assert (axes.spatial, axes.held, axes.frames, axes.frame_shape) == (spatial, held, frames, (7, 9))


@pytest.mark.parametrize(("shape", "frame"), [((7, 9), None), ((7, 9, 4), 2), ((5, 4, 2, 7, 9), 1)])
def test_positions_lead_back(shape, frame):
    axes = Axes(shape, frame)
    plane = tuple(range(1, 1 + len(axes.held)))
    number = 3 if frame is not None else 0
    position = axes.position(plane, number, (6.25, 8.5))
    assert axes.plane_of(position) == plane
    assert axes.frame_of(position) == number
    assert axes.yx_of(position) == (6.25, 8.5)


def test_a_pixel_reaches_half_way_to_the_next():
    axes = Axes((4, 7, 9), 0)
    assert axes.contains((0, -0.49, 8.49))
    assert not axes.contains((0, -0.51, 3))
    assert not axes.contains((0, 3, 8.51))
    assert not axes.contains((4, 3, 3))


@pytest.mark.parametrize(
    ("shape", "labels", "expected"),
    [
        ((7, 9), ("y", "x"), None),
        ((4, 7, 9), ("axis -3", "axis -2", "axis -1"), 0),
        ((1, 4, 7, 9), ("axis -4", "axis -3", "axis -2", "axis -1"), 1),
        ((3, 4, 7, 9), ("c", "T", "y", "x"), 1),
        ((7, 9, 4), ("y", "x", "time"), 2),
        ((1, 7, 9), ("a", "y", "x"), 0),
    ],
)
def test_default_frame_axis(shape, labels, expected):
    assert default_frame_axis(shape, labels) == expected


KINDS = {
    "numpy": lambda array, path: array,
    "dask": lambda array, path: da.from_array(array, chunks=2),
    "zarr": lambda array, path: zarr.array(array, store=str(path)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("shape", "frame", "plane", "rgb", "expected"),
    [
        ((7, 9), None, (), False, lambda a: a[None]),
        ((7, 9, 3), None, (), True, lambda a: a[None]),
        ((4, 7, 9), 0, (), False, lambda a: a),
        ((7, 9, 4), 2, (), False, lambda a: a.transpose(2, 0, 1)),
        ((4, 7, 9, 4), 0, (), True, lambda a: a[..., :3]),
        ((5, 4, 7, 9), 1, (2,), False, lambda a: a[2]),
        ((4, 5, 7, 9), 0, (3,), False, lambda a: a[:, 3]),
        ((2, 5, 7, 9, 4), 4, (1, 3), False, lambda a: a[1, 3].transpose(2, 0, 1)),
    ],
)
def test_the_stack_is_frames_first(tmp_path, kind, shape, frame, plane, rgb, expected):
    array = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    image = Image(KINDS[kind](array, tmp_path / "a.zarr"), rgb=rgb, contrast_limits=(0, 255))
    stack = stack_of(image, Axes(image_shape(image), frame), plane)
    wanted = expected(array)
    assert stack.shape == wanted.shape
    assert (stack.ndim, stack.dtype, len(stack)) == (wanted.ndim, wanted.dtype, len(wanted))
    last = len(wanted) - 1
    for key in (0, -1, slice(None), slice(0, last), (last, slice(2, 5), slice(1, 8)), (slice(0, 1), 3, slice(None))):
        np.testing.assert_array_equal(np.asarray(stack[key]), wanted[key])
    with pytest.raises(IndexError):
        stack[len(wanted)]


def test_a_numpy_stack_is_not_copied():
    array = np.zeros((7, 9, 4))
    image = Image(array)
    assert np.shares_memory(stack_of(image, Axes((7, 9, 4), 2), ()), array)


def test_a_multiscale_image_gives_its_first_level():
    levels = [np.zeros((4, 16, 16)), np.zeros((4, 8, 8))]
    image = Image(levels, multiscale=True)
    assert image_shape(image) == (4, 16, 16)
    assert stack_of(image, Axes((4, 16, 16), 0), ()).shape == (4, 16, 16)


def test_placement_makes_a_layer_that_maps_alike():
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[0.8, -0.6], [0.6, 0.8]]
    image = Image(
        np.zeros((4, 7, 9)), scale=(1, 0.2, 0.3), translate=(0, 5, -7), affine=matrix,
        axis_labels=("t", "y", "x"), units=("s", "um", "um"),
    )  # fmt: skip
    other = Image(np.zeros((4, 7, 9)), **placement(image))
    world = image.data_to_world((2, 3, 4))
    np.testing.assert_allclose(other.world_to_data(world), (2, 3, 4))
    assert other.axis_labels == ("t", "y", "x")
    assert other.units == image.units
