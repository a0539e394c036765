"""The published models and our bundled one.

Numbers of the published ones: ``sam2/configs`` of facebookresearch/sam2. SAM 2.1 differs from SAM 2 in two flags only.
"""

from __future__ import annotations

from dataclasses import replace

from napari_sam2.sam2.config import ConvTrunkConfig, HieraConfig, ModelConfig

_HIERA = {
    "tiny": HieraConfig(96, 1, (1, 2, 7, 2), (5, 7, 9), (8, 4, 14, 7), (7, 7)),
    "small": HieraConfig(96, 1, (1, 2, 11, 2), (7, 10, 13), (8, 4, 14, 7), (7, 7)),
    "base_plus": HieraConfig(112, 2, (2, 3, 16, 3), (12, 16, 20), (8, 4, 14, 7), (14, 14)),
    "large": HieraConfig(144, 2, (2, 6, 36, 4), (23, 33, 43), (8, 4, 16, 8), (7, 7)),
}


def _published() -> dict[str, ModelConfig]:
    presets = {}
    for size, trunk in _HIERA.items():
        newer = ModelConfig(name=f"sam2.1_hiera_{size}", trunk=trunk)
        older = replace(newer, name=f"sam2_hiera_{size}", pointer_time=False, absent_embedding=False)
        presets[older.name] = older
        presets[newer.name] = newer
    return presets


MICRO = ModelConfig(
    name="micro",
    trunk=ConvTrunkConfig(widths=(64, 128, 256, 384), depths=(2, 2, 6, 2)),
    image_size=256,
    width=128,
    memory_width=32,
    top_down_levels=(0, 1, 2, 3),
    neck_norm=True,
    memory_layers=2,
    memory_ffn=512,
    decoder_heads=4,
    decoder_mlp=512,
    prompt_discs=True,
    local_contrast=True,
    windows=True,
)

PRESETS: dict[str, ModelConfig] = {**_published(), "micro": MICRO}
"""Every known model by name: the eight published ones and ``micro``."""
