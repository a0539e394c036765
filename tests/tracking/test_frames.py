"""Intensities of every kind of stack, mapped the same way for all its frames."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import torch
import zarr

from napari_sam2.tracking.errors import TrackingError
from napari_sam2.tracking.frames import Frames

DTYPES = ["?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<u4", "<i8", "<f2", "<f4", ">f4", "<f8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_comes_out_between_its_limits(dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 100, (5, 20, 30)).astype(dtype)
    frames = Frames(values)
    out = torch.stack([frames.tensor(t) for t in range(5)])
    assert out.shape == (5, 1, 20, 30)
    assert out.dtype == torch.float32
    assert -0.05 <= float(out.min()) <= 0.05
    assert 0.95 <= float(out.max()) <= 1.1


def test_limits_are_the_same_for_all_frames() -> None:
    stack = np.stack([np.full((10, 10), 100.0 * (t + 1)) for t in range(4)])
    frames = Frames(stack)
    means = [float(frames.tensor(t).mean()) for t in range(4)]
    np.testing.assert_allclose(np.diff(means), means[1] - means[0], rtol=1e-4)
    assert means[1] > means[0]


def test_colour_of_eight_bits_is_used_as_it_is() -> None:
    stack = np.random.default_rng(0).integers(0, 256, (2, 8, 9, 4), dtype=np.uint8)
    out = Frames(stack).tensor(1)
    torch.testing.assert_close(out, torch.from_numpy(stack[1, ..., :3]).permute(2, 0, 1) / 255)


def test_what_is_not_finite_does_no_harm() -> None:
    stack = np.random.default_rng(0).random((3, 12, 12)).astype(np.float32)
    stack[0, 0, 0], stack[1, 1, 1], stack[2, 2, 2] = np.nan, np.inf, -np.inf
    frames = Frames(stack)
    assert 0.9 < frames.limits[1] < 1.01
    assert all(torch.isfinite(frames.tensor(t)).all() for t in range(3))


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_constant_stacks_are_finite(value: float) -> None:
    assert torch.isfinite(Frames(np.full((2, 9, 9), value)).tensor(0)).all()


def test_lazy_arrays_give_the_same(tmp_path: object) -> None:
    stack = np.random.default_rng(0).integers(0, 4000, (4, 16, 18)).astype(np.uint16)
    stored = zarr.create_array(store=f"{tmp_path}/a.zarr", shape=stack.shape, chunks=(1, 16, 18), dtype=stack.dtype)
    stored[:] = stack
    mapped = np.memmap(f"{tmp_path}/a.raw", dtype=np.uint16, mode="w+", shape=stack.shape)
    mapped[:] = stack
    for lazy in (stored, mapped, da.from_array(stack, chunks=(1, 16, 18))):
        torch.testing.assert_close(Frames(lazy).tensor(2), Frames(stack).tensor(2))


@pytest.mark.parametrize("shape", [(5,), (5, 6), (2, 3, 4, 5), (0, 8, 8), (3, 0, 8), (2, 2, 8, 8, 3)])
def test_shapes_that_are_no_stack_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(TrackingError, match="shape"):
        Frames(np.zeros(shape))


def test_complex_numbers_and_wrong_limits_are_refused() -> None:
    with pytest.raises(TrackingError, match="complex"):
        Frames(np.zeros((2, 4, 4), complex))
    with pytest.raises(TrackingError, match="limits"):
        Frames(np.zeros((2, 4, 4)), (5.0, 5.0))


@pytest.mark.parametrize("dtype", ["<u4", ">u4", "<i4", "<i8", "<u8", "<f8"])
def test_a_small_range_far_from_zero_keeps_its_steps(dtype: str) -> None:
    offset = 2**31 - 200 if dtype == "<i4" else 2**31
    values = (np.arange(100).reshape(1, 10, 10) + offset).astype(dtype)
    out = Frames(values, (offset, offset + 99)).tensor(0)
    np.testing.assert_allclose(out.numpy().ravel(), np.arange(100) / 99, atol=1e-6)


def test_numbers_beyond_single_precision_are_borne() -> None:
    stack = np.random.default_rng(0).random((2, 9, 9))
    stack[0, 0, 0], stack[1, 0, 0] = 1e300, -1e300
    frames = Frames(stack, (0.0, 1.0))
    assert frames.tensor(0)[0, 0, 0] == 1
    assert frames.tensor(1)[0, 0, 0] == 0
    assert torch.isfinite(Frames(np.full((1, 4, 4), 1e30)).tensor(0)).all()


def test_a_few_bright_pixels_on_nothing_are_not_cut_off() -> None:
    stack = np.zeros((3, 200, 200), np.uint16)
    stack[1, 50:53, 50:53] = np.arange(9).reshape(3, 3) * 100 + 1000
    frames = Frames(stack)
    assert frames.limits == (0.0, 1800.0)
    assert float(frames.tensor(1).max()) == 1.0


def test_every_channel_of_deep_colour_counts_for_the_limits() -> None:
    stack = np.zeros((1, 512, 512, 3), np.uint16)
    stack[..., 2] = np.random.default_rng(0).integers(0, 4000, (1, 512, 512))
    assert Frames(stack).limits[1] > 3000


def test_every_column_counts_for_the_limits() -> None:
    stack = np.zeros((1, 1024, 1024), np.uint16)
    stack[:, :, 5::64] = 1000
    assert Frames(stack).limits[1] == 1000


def test_limits_given_by_the_user_win() -> None:
    stack = np.full((1, 4, 4, 3), 100, np.uint8)
    assert torch.allclose(Frames(stack, (0, 200)).tensor(0), torch.tensor(0.5))


def test_limits_cost_a_few_frames_however_long_the_stack_is() -> None:
    class Long:
        shape, dtype, reads = (100_000, 8, 8), np.dtype(np.uint16), []

        def __getitem__(self, index: int) -> np.ndarray:
            assert isinstance(index, int)
            self.reads.append(index)
            return np.full((8, 8), index % 999, np.uint16)

    stack = Long()
    frames = Frames(stack)
    _ = frames.limits, frames.limits
    frames.tensor(7)
    frames.tensor(7)
    assert len(stack.reads) <= 9
    assert {0, 99_999} <= set(stack.reads), "bleaching changes the stack from end to end"


@pytest.mark.parametrize("stack", [[[[1, 2], [3, 4]]], torch.zeros(2, 8, 8), "stack.tif", None])
def test_what_is_no_array_is_refused_in_words(stack: object) -> None:
    with pytest.raises(TrackingError, match=r"shape \(\)|type Tensor"):
        Frames(stack)


def test_frames_of_a_memory_map_are_let_go(tmp_path: object) -> None:
    """Pages that were read count as memory of the process until they are given back."""
    import psutil

    shape = (64, 512, 1024)  # a mebibyte per frame
    np.memmap(f"{tmp_path}/a.raw", np.uint16, "w+", shape=shape)[:] = 7
    for mode in ("r", "r+"):
        stack = np.memmap(f"{tmp_path}/a.raw", np.uint16, mode, shape=shape)[:, ::-1]
        frames = Frames(stack, (0.0, 7.0))
        frames.scaled(0)
        before = psutil.Process().memory_info().rss
        for t in range(64):
            assert frames.scaled(t).min() == 1
        assert psutil.Process().memory_info().rss - before < 20 * 2**20


def test_what_was_written_into_a_private_map_stays(tmp_path: object) -> None:
    np.memmap(f"{tmp_path}/a.raw", np.uint16, "w+", shape=(2, 8, 8))[:] = 7
    stack = np.memmap(f"{tmp_path}/a.raw", np.uint16, "c", shape=(2, 8, 8))
    stack[0] = 3
    Frames(stack, (0.0, 7.0)).scaled(0)
    assert stack[0].max() == 3
