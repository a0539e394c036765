"""Contrast of windows and of plates that hold several."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.sam2 import PRESETS
from napari_sam2.sam2.image_input import IMAGENET_MEAN, _starts, local_contrast, local_contrast_of_plate, prepare

WINDOW = 128


def textured(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(1, 1, H, W) intensities with some cells: smooth enough for percentiles of a part of the pixels."""
    rough = torch.randn(1, 1, height // 4, width // 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(rough, (height, width), mode="bilinear") * 100 + 1000


def test_a_plate_of_one_window_has_the_contrast_of_the_window() -> None:
    image = textured(WINDOW, WINDOW)
    plate, window = local_contrast_of_plate(image, WINDOW), local_contrast(image)
    assert plate.shape == window.shape == (1, 3, WINDOW, WINDOW)
    coarse = image[..., ::4, ::4].repeat_interleave(4, -1).repeat_interleave(4, -2)
    torch.testing.assert_close(local_contrast_of_plate(coarse, WINDOW), local_contrast(coarse), atol=1e-3, rtol=1e-3)


def test_the_middle_of_every_window_has_the_contrast_of_that_window() -> None:
    """In a plate that becomes ten times brighter from the left to the right."""
    image = textured(WINDOW, 4 * WINDOW) * torch.linspace(1, 10, 4 * WINDOW)
    signed = local_contrast_of_plate(image, WINDOW)[:, 2]
    starts = _starts(4 * WINDOW, WINDOW)
    assert len(starts) == 7
    for left, other in zip(starts, [*starts[1:], starts[-2]], strict=True):
        middle = slice(left + WINDOW // 2 - 1, left + WINDOW // 2 + 1)

        def seen_in(start: int, columns: slice = middle) -> torch.Tensor:
            window = local_contrast(image[..., start : start + WINDOW])[:, 2]
            return window[..., columns.start - start : columns.stop - start]

        torch.testing.assert_close(signed[..., middle], seen_in(left), atol=0.05, rtol=0)
        if other < middle.start:
            assert (signed[..., middle] - seen_in(other)).abs().max() > 0.1


def test_contrast_changes_smoothly_along_a_plate() -> None:
    """The same grey looks darker in brighter surroundings, without seams where windows end."""
    image = textured(2 * WINDOW, 4 * WINDOW)
    image[..., 2 * WINDOW :] *= 3
    grey = 1500.0
    probes = []
    for row in range(0, 2 * WINDOW, 16):
        with_grey = image.clone()
        with_grey[0, 0, row, :] = grey  # one line moves no percentile by much
        probes.append(local_contrast_of_plate(with_grey, WINDOW)[0, 0, row])
    line = torch.stack(probes).mean(0)
    assert line[0] > line[-1] + 0.3
    assert line.diff().abs().max() < 0.12 * float(line.max() - line.min())


@given(st.integers(1, 700), st.integers(2, 128))
def test_windows_for_percentiles_cover_the_plate_and_overlap_by_half(length: int, window: int) -> None:
    starts = _starts(length, window)
    assert starts[0] == 0
    assert starts[-1] == max(length - window, 0)
    assert all(0 < b - a <= window / 2 + 1 for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize(("height", "width"), [(128, 128), (128, 192), (512, 128), (256, 384)])
def test_inputs_of_every_size_are_finite_and_bounded(height: int, width: int) -> None:
    config = replace(PRESETS["micro"], image_size=WINDOW)
    for image in (textured(height, width), torch.zeros(1, 1, height, width), torch.full((1, 1, height, width), 7.0)):
        found = prepare(image.expand(-1, 3, -1, -1), config)
        assert found.shape == (1, 3, height, width)
        assert found.isfinite().all()
        assert found.abs().max() <= 2


def test_brightness_and_offset_do_not_matter_in_a_plate() -> None:
    image = textured(WINDOW, 2 * WINDOW)
    torch.testing.assert_close(
        local_contrast_of_plate(image, WINDOW), local_contrast_of_plate(3 * image - 50, WINDOW), atol=2e-3, rtol=1e-3
    )


def test_published_models_see_the_mean_of_photographs_as_nought() -> None:
    grey = torch.tensor(IMAGENET_MEAN)[:, None, None].expand(3, 8, 8)[None]
    torch.testing.assert_close(prepare(grey, PRESETS["sam2.1_hiera_tiny"]), torch.zeros(1, 3, 8, 8))
