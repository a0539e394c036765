"""A network small enough for tests: the real components, random weights, inputs of 64 x 64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import settings

from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.sam2.config import ConvTrunkConfig, HieraConfig

# The first example of a test pays for what torch sets up.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def small_model() -> Sam2:
    """Micro's layout at a fraction of its size; objects are always found present."""
    config = replace(
        PRESETS["micro"],
        trunk=ConvTrunkConfig(widths=(8, 8, 16, 16), depths=(1, 1, 1, 1)),
        image_size=64,
        width=32,
        memory_width=8,
        memory_layers=1,
        memory_ffn=32,
        decoder_heads=2,
        decoder_mlp=32,
    )
    torch.manual_seed(3)
    model = Sam2(config).eval().requires_grad_(False)
    model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)
    return model


@pytest.fixture(scope="session")
def published() -> Sam2:
    """The layout of the published models at a fraction of their size; objects are always found present."""
    config = PRESETS["sam2.1_hiera_tiny"]
    trunk = HieraConfig(8, 1, (1, 1, 1, 1), (2,), (4, 2, 2, 2), (2, 2))
    config = replace(config, trunk=trunk, image_size=64, width=32, memory_width=8, memory_layers=1, memory_ffn=32)
    torch.manual_seed(0)
    model = Sam2(replace(config, decoder_heads=2, decoder_mlp=32)).eval().requires_grad_(False)
    model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)
    return model


@pytest.fixture(scope="session")
def whole_frame_model(small_model: Sam2) -> Sam2:
    """The same network, made to look at whole frames."""
    model = Sam2(replace(small_model.config, windows=False)).eval().requires_grad_(False)
    model.load_state_dict(small_model.state_dict())
    return model


@pytest.fixture(scope="session")
def stack() -> np.ndarray:
    """(8, 90, 120) uint16, read-only: two bright discs that move to the right."""
    y, x = np.mgrid[:90, :120]
    frames = []
    for t in range(8):
        frame = np.full((90, 120), 300.0)
        for cy, cx in ((30, 25 + 2 * t), (62, 70 + t)):
            frame += 2000 * (np.hypot(y - cy, x - cx) < 9)
        frames.append(frame)
    noise = np.random.default_rng(0).normal(0, 20, (8, 90, 120))
    stack = (np.stack(frames) + noise).astype(np.uint16)
    stack.flags.writeable = False
    return stack
