"""The contrast of a stack: limits, percentiles, by frame; gamma; inverted."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.sam2 import Sam2
from napari_sam2.sam2.image_input import IMAGENET_MEAN, IMAGENET_STD
from napari_sam2.tracking import Contrast, Tracker, TrackerOptions, TrackingError
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.view import View

RAMP = np.linspace(100, 300, 5 * 400).reshape(5, 20, 20)


def test_limits_gamma_and_inversion_come_in_this_order() -> None:
    picture = np.array([[[0.0, 50.0, 100.0, 150.0]]])
    out = Frames(picture, Contrast.between(0, 100, gamma=2, invert=True)).scaled(0)
    np.testing.assert_allclose(out, [[1, 0.75, 0, 1 - 1.5**2]])


def test_without_gamma_what_lies_outside_of_the_limits_is_kept() -> None:
    out = Frames(np.array([[[-100.0, 0.0, 300.0]]]), Contrast.between(0, 100)).scaled(0)
    np.testing.assert_allclose(out, [[-1, 0, 3]])
    lifted = Frames(np.array([[[-100.0, 0.0, 300.0]]]), Contrast.between(0, 100, gamma=0.5)).scaled(0)
    np.testing.assert_allclose(lifted, [[0, 0, np.sqrt(3)]], rtol=1e-6)


def test_percentiles_are_of_the_whole_stack() -> None:
    frames = Frames(RAMP, Contrast("percentiles", percentiles=(25, 75)))
    np.testing.assert_allclose(frames.limits, (150, 250), atol=1)
    assert frames.scaled(0).max() < 0.0 < 1 < frames.scaled(4).min()


def test_by_frame_a_stack_that_bleaches_looks_alike() -> None:
    pattern = np.random.default_rng(0).random((30, 30))
    bleaching = np.stack([pattern * 1000 * 0.7**t + 20 for t in range(8)])
    frames = Frames(bleaching, Contrast("frame"))
    np.testing.assert_allclose(frames.scaled(7), frames.scaled(0), atol=1e-3)
    assert np.abs(Frames(bleaching).scaled(7) - Frames(bleaching).scaled(0)).max() > 0.5


def test_colour_of_eight_bits_follows_what_is_asked_for() -> None:
    stack = np.full((2, 8, 8, 3), 60, np.uint8)
    stack[0, 0] = 20
    assert Frames(stack).scaled(1).max() == pytest.approx(60 / 255)
    assert Frames(stack, Contrast("percentiles")).scaled(1).max() == pytest.approx(1)
    assert Frames(stack, Contrast.between(0, 60, invert=True)).scaled(1).max() == pytest.approx(0)


@pytest.mark.parametrize("contrast", [Contrast(), Contrast("frame", gamma=3, invert=True), Contrast.between(0, 1)])
def test_what_is_no_number_is_black_whatever_the_contrast(contrast: Contrast) -> None:
    stack = np.random.default_rng(0).random((2, 9, 9)).astype(np.float32)
    stack[0, 0, :3] = np.nan, np.inf, -np.inf
    out = Frames(stack, contrast).scaled(0)
    assert np.isfinite(out).all()
    assert out[0, 0] == 0
    assert out[0, 1] == (0 if contrast.invert else 1)
    assert np.isfinite(Frames(np.full((1, 4, 4), np.nan), contrast).scaled(0)).all()


@given(
    st.floats(0.05, 20), st.booleans(), st.lists(st.floats(width=32, allow_nan=False), min_size=4, max_size=4),
    st.sampled_from(["auto", "percentiles", "frame", "limits"]),
)  # fmt: skip
def test_the_order_of_intensities_is_kept_or_turned_round(
    gamma: float, invert: bool, values: list[float], kind: str
) -> None:
    limits = (0.0, 100.0) if kind == "limits" else None
    picture = np.array(sorted(values), np.float32).reshape(1, 2, 2)
    out = Frames(picture, Contrast(kind, limits, gamma=gamma, invert=invert)).scaled(0).ravel()  # type: ignore[arg-type]
    assert np.isfinite(out).all()
    finite = np.isfinite(picture).ravel()
    assert (np.diff(out[finite]) * (-1 if invert else 1) >= 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "log"},
        {"kind": "limits"},
        {"limits": (0, 1)},
        {"kind": "limits", "limits": (1, 1)},
        {"kind": "limits", "limits": (0, np.nan)},
        {"percentiles": (50, 50)},
        {"percentiles": (-1, 50)},
        {"gamma": 0},
        {"gamma": np.nan},
    ],
)
def test_what_cannot_be_used_is_refused(wrong: dict) -> None:
    with pytest.raises(TrackingError, match="got "):
        Contrast(**wrong)


def test_contrast_limits_of_the_options_still_count() -> None:
    assert TrackerOptions(contrast_limits=(3, 7)).contrast == Contrast.between(3, 7)
    with pytest.raises(TrackingError, match="one of them"):
        TrackerOptions(contrast_limits=(3, 7), contrast=Contrast("frame"))


def test_the_model_sees_the_contrast(small_model: Sam2) -> None:
    stack = np.random.default_rng(0).random((2, 64, 64))
    view = View.whole((64, 64))

    def seen(contrast: Contrast) -> torch.Tensor:
        return Tracker(small_model, stack, TrackerOptions(contrast=contrast)).network.image(0, view)

    plain = seen(Contrast())
    # A network that looks at local contrast does not mind limits; gamma and inversion it must see.
    torch.testing.assert_close(seen(Contrast.between(-5, 30)), plain, atol=1e-3, rtol=0)
    assert float((seen(Contrast(gamma=2)) - plain).abs().mean()) > 0.1
    torch.testing.assert_close(seen(Contrast(invert=True))[0], -plain[0], atol=0.1, rtol=0)


def test_a_model_with_a_fixed_range_sees_what_lies_between_the_limits(small_model: Sam2) -> None:
    config = replace(small_model.config, local_contrast=False)
    model = Sam2(config).eval().requires_grad_(False)
    stack = np.linspace(-1000, 2000, 64 * 64).reshape(1, 64, 64)
    contrast = Contrast.between(0, 1000)
    seen = Tracker(model, stack, TrackerOptions(contrast=contrast)).network.image(0, View.whole((64, 64)))
    for channel, mean, std in zip(seen, IMAGENET_MEAN, IMAGENET_STD, strict=True):
        assert float(channel.min()) == pytest.approx((0 - mean) / std, abs=1e-4)
        assert float(channel.max()) == pytest.approx((1 - mean) / std, abs=1e-4)


def test_it_is_had_without_torch() -> None:
    code = "import sys, napari_sam2.tracking.contrast; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
