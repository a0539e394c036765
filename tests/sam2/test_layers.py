"""Attention in pieces, and attention to the raw memory, against the plain formula."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from napari_sam2.sam2 import PRESETS, layers
from napari_sam2.sam2.layers import look
from napari_sam2.sam2.memory_attention import MemoryAttention, MemoryCrossAttention, RotaryAttention
from napari_sam2.sam2.position import axial_angles, rotate


@pytest.mark.parametrize(
    ("batch", "n", "m", "c", "d"), [(1, 7, 5, 8, 8), (2, 100, 33, 16, 4), (3, 130, 257, 8, 24), (1, 64, 1, 4, 4)]
)
@pytest.mark.parametrize("at_once", [1, 100 * 257, 2**21])
def test_looking_is_scaled_dot_product_attention(
    monkeypatch: pytest.MonkeyPatch, at_once: int, batch: int, n: int, m: int, c: int, d: int
) -> None:
    """Also where the rows do not divide into pieces, and where values are narrower or wider than keys."""
    monkeypatch.setattr(layers, "SCORES_AT_ONCE", at_once)
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(batch, *size, generator=generator) for size in ((n, c), (m, c), (m, d)))
    with torch.inference_mode():
        found = look(3 * q, k, v)
    assert found.shape == (batch, n, d)
    torch.testing.assert_close(found, F.scaled_dot_product_attention(3 * q, k, v), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
@pytest.mark.parametrize("width", [4, 16])
def test_looking_is_the_same_on_graphics_processors(kind: str, width: int, pretend: Any) -> None:
    q, k, v = (torch.randn(2, *size) for size in ((100, 16), (33, 16), (33, width)))
    with torch.inference_mode():
        expected = look(q, k, v)
        with pretend(kind) as device:
            found = look(*(one.to(device.home) for one in (q, k, v))).cpu()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_looking_gives_gradients_where_they_are_wanted() -> None:
    q, k, v = (torch.randn(1, 5, 4, requires_grad=True) for _ in range(3))
    look(q, k, v).sum().backward()
    assert all(part.grad is not None and part.grad.abs().sum() > 0 for part in (q, v))


def test_half_precision_stays_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "SCORES_AT_ONCE", 64 * 50)
    q, k, v = (torch.randn(2, size, 16, generator=torch.Generator().manual_seed(1)) for size in (150, 50, 50))
    with torch.inference_mode():
        found = look(*(part.bfloat16() for part in (q, k, v)))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), F.scaled_dot_product_attention(q, k, v), atol=0.05, rtol=0.05)


def interleaved(tokens: torch.Tensor, angles: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Rotation of channels (2 i, 2 i + 1), as checkpoints have them."""
    turned = torch.view_as_complex(tokens.unflatten(-1, (-1, 2)).contiguous()) * torch.complex(*angles)
    return torch.view_as_real(turned).flatten(-2)


def test_cross_attention_projects_what_it_finds_as_if_values_were_projected_first() -> None:
    torch.manual_seed(0)
    side, width, narrow, placeless = 4, 16, 8, 3
    layer = MemoryCrossAttention(width, 1, kv_width=narrow)
    angles = axial_angles(width, side, side, torch.device("cpu"), torch.float32)
    x = torch.randn(1, side * side, width)
    memory, position = (
        torch.randn(3, 2 * side * side + placeless, narrow),
        torch.randn(1, 2 * side * side + placeless, 8),
    )
    with torch.inference_mode():
        found = layer(x, memory, position, placeless, angles)
        q = interleaved(layer.q_proj(x), angles).expand(3, -1, -1)
        k = layer.k_proj(memory + position)
        maps = [interleaved(part, angles) for part in k[:, :-placeless].split(side * side, dim=1)]
        expected = F.scaled_dot_product_attention(q, torch.cat((*maps, k[:, -placeless:]), 1), layer.v_proj(memory))
        torch.testing.assert_close(found, layer.out_proj(expected), atol=1e-5, rtol=1e-4)


def test_self_attention_turns_pairs_that_lie_side_by_side_in_the_weights() -> None:
    torch.manual_seed(0)
    layer, x = RotaryAttention(16, 1), torch.randn(2, 9, 16)
    angles = axial_angles(16, 3, 3, torch.device("cpu"), torch.float32)
    with torch.inference_mode():
        q, k = (interleaved(part(x), angles) for part in (layer.q_proj, layer.k_proj))
        expected = layer.out_proj(F.scaled_dot_product_attention(q, k, layer.v_proj(x)))
        torch.testing.assert_close(layer(x, angles), expected, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(rotate(q, angles), q)


def test_objects_that_share_an_image_are_conditioned_as_if_each_had_its_own() -> None:
    torch.manual_seed(0)
    config = replace(
        PRESETS["micro"], image_size=64, width=32, memory_width=8, memory_layers=2, memory_ffn=16, decoder_heads=2
    )
    attention = MemoryAttention(config).eval()
    image, memory, position = torch.randn(1, 32, 4, 4), torch.randn(3, 16 + 4, 8), torch.randn(1, 16 + 4, 8)
    with torch.inference_mode():
        together = attention(image, memory, position, 4)
        for index in range(3):
            alone = attention(image, memory[index : index + 1], position, 4)
            torch.testing.assert_close(together[index : index + 1], alone, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(attention(image.expand(3, -1, -1, -1), memory, position, 4), together)
    assert (together[0] - together[1]).abs().max() > 1e-3
