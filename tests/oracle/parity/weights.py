"""Random weights that depend on nothing but the name and the shape of a parameter.

Both networks use the same state-dict layout, so filling each key from a generator seeded by its name gives two
networks with equal weights, whatever the version of torch on either side. The scales are chosen so that the
network is not degenerate: activations stay of order one through 48 blocks, attention is neither uniform nor
one-hot, mask logits take both signs, and every branch of the network moves the output.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .noise import uniform

OBJECT_SCORE_BIAS_KEY = "sam_mask_decoder.pred_obj_score_head.layers.2.bias"

# Learned vectors that are added to features or stand for tokens: a standard deviation of their own.
_VECTORS = {
    "positional_encoding_gaussian_matrix": 1.0,
    "pos_embed": 0.5,
    "pos_embed_window": 0.5,
    "maskmem_tpos_enc": 1.0,
    "no_mem_embed": 0.5,
    "no_mem_pos_enc": 0.5,
    "no_obj_ptr": 1.0,
    "no_obj_embed_spatial": 1.0,
    "obj_score_token.weight": 1.0,
    "iou_token.weight": 1.0,
    "mask_tokens.weight": 1.0,
    "not_a_point_embed.weight": 1.0,
    "no_mask_embed.weight": 0.5,
}

# Gains over 1/sqrt(fan in), first match wins. Sharper queries and keys make attention look at something.
_GAINS = (
    ("cross_attn_image.out_proj", 0.6),
    ("memory_attention.", 1.2),
    ("mask_downsampler.encoder.12", 0.5),
    ("conv_s0.weight", 0.5),
    ("conv_s1.weight", 0.5),
    (".q_proj.weight", 1.8),
    (".k_proj.weight", 1.8),
    (".attn.qkv.weight", 1.4),
    ("output_hypernetworks_mlps", 1.2),
    ("iou_prediction_head", 1.3),
    ("pred_obj_score_head", 1.8),
    ("obj_ptr_proj.", 1.4),
    ("mask_downsampler.encoder", 1.2),
)


def _scale(key: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Mean and standard deviation of the values that fill `key`."""
    for name, std in _VECTORS.items():
        if key.endswith(name):
            return 0.0, std
    if "point_embeddings." in key:
        return 0.0, 1.0
    if key.endswith(".gamma"):
        return 0.5, 0.1
    if key.endswith(".bias"):
        return 0.0, 0.1
    if len(shape) == 1:  # a one-dimensional weight belongs to a normalisation
        return 1.0, 0.1
    transposed = "output_upscaling" in key  # (in, out, k, k) with stride k: each output sees `in` values
    fan_in = shape[0] if transposed else int(np.prod(shape[1:]))
    gain = next((g for part, g in _GAINS if part in key), 1.0)
    return 0.0, gain / float(np.sqrt(fan_in))


def make_array(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 values of one parameter, from its state-dict key and shape alone."""
    mean, std = _scale(key, shape)
    if "output_upscaling" in key and len(shape) == 4:
        # Mostly equal within the 2 x 2 kernel, or masks would be made of single pixels.
        even = uniform(key + " even", (*shape[:2], 1, 1))
        return np.float32(std * 3**0.5) * (np.float32(0.95) * even + np.float32(0.3) * uniform(key, shape))
    return np.float32(mean) + np.float32(std * 3**0.5) * uniform(key, shape)


def make_weights(shapes: Mapping[str, tuple[int, ...]], object_score_bias: float = 0.0) -> dict[str, np.ndarray]:
    """Fill a whole state dict.

    `shapes` maps every key to its shape. `object_score_bias` replaces the last bias of the object-score head: it
    is set per variant so that objects are present in some frames and absent in others.
    """
    arrays = {key: make_array(key, tuple(shape)) for key, shape in shapes.items()}
    if OBJECT_SCORE_BIAS_KEY in arrays:
        arrays[OBJECT_SCORE_BIAS_KEY] = np.full(shapes[OBJECT_SCORE_BIAS_KEY], object_score_bias, dtype=np.float32)
    return arrays
