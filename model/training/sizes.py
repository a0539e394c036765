"""The networks that were measured beside each other, and how one of them grows out of trained weights.

A grown network answers as the one that it grew from, until it is trained on: what two sizes do after the same minutes
is then a matter of their size, not of how long each has been trained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.sam2.config import ConvTrunkConfig, ModelConfig

NARROW = replace(PRESETS["micro"], name="narrow", trunk=ConvTrunkConfig(widths=(32, 64, 128, 192), depths=(2, 2, 6, 2)))
SIZES: dict[str, ModelConfig] = {
    "micro": PRESETS["micro"],
    "narrow": NARROW,
    "deep": replace(NARROW, name="deep", trunk=ConvTrunkConfig(widths=(32, 64, 128, 192), depths=(2, 2, 12, 4))),
    "fine": replace(NARROW, name="fine", image_size=320),
}
"""By name: what is bundled; what `micro` was before and grew out of, half as wide; that one twice as deep where it is
cheap, or with an input of more pixels."""


def register() -> None:
    """Let `load_model` know the sizes of the workshop, for this process."""
    PRESETS.update(SIZES)


def grow(state: Mapping[str, Tensor], config: ModelConfig, seed: int = 0) -> dict[str, Tensor]:
    """Weights of a larger convolutional trunk that do what ``state`` does; all else is taken as it is.

    Stages of twice the width hold every channel twice (Chen, Goodfellow and Shlens 2016, "Net2Net"): norms over
    channels stay what they are, and what reads the channels reads each half of its own, different halves of the same
    sum, so that the twins part in training. Further blocks of a stage begin as nothing.

    Args:
        state: of a network with the same or half the widths and no more blocks.
        config: of the network to be.

    Raises:
        ValueError: some width is neither the same nor twice as large, or the trunk has fewer blocks.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = Sam2(config).state_dict()
    grown: dict[str, Tensor] = {}
    for name, wanted in fresh.items():
        if name in state:
            grown[name] = _fit(name, state[name].float(), tuple(wanted.shape), generator)
        elif re.fullmatch(r"image_encoder\.trunk\.stages\.\d+\.\d+\.pwconv2\.\w+", name):
            grown[name] = torch.zeros_like(wanted)
        else:
            grown[name] = wanted
    if left := state.keys() - grown.keys():
        raise ValueError(
            f"{config.name} has no place for {sorted(left)[0]} and {len(left) - 1} more: it must not be smaller"
        )
    return grown


def _fit(name: str, value: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """``value`` with every axis that is too short by half doubled."""
    for axis, (have, want) in enumerate(zip(value.shape, shape, strict=True)):
        if want == have:
            continue
        if want != 2 * have:
            raise ValueError(f"{name} has {have} channels and is to have {want}: only twice as many can be made")
        if axis == 1:
            apart = 0.5 * value.std() * torch.randn(value.shape, generator=generator)
            value = torch.cat((value / 2 + apart, value / 2 - apart), 1)
        else:
            value = torch.cat((value, value), axis)
    return value
