"""Products by either library are the same, and so is work in pieces."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from napari_sam2.sam2 import layers, products
from napari_sam2.sam2.hiera import HieraBlock
from napari_sam2.sam2.layers import look
from napari_sam2.sam2.products import Linear, in_pieces, linear


@pytest.fixture
def convolving(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Products of any size go through convolutions, on every processor; the shapes that did."""
    seen = []
    plain = F.conv2d

    def counted(pixels: torch.Tensor, *rest: torch.Tensor | None) -> torch.Tensor:
        seen.append(tuple(pixels.shape))
        return plain(pixels, *rest)

    monkeypatch.setattr(products, "_wide", lambda: True)
    monkeypatch.setattr(products, "FEWEST_ROWS", 2)
    monkeypatch.setattr(F, "conv2d", counted)
    return seen


@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8), (1, 4, 6, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_is_the_linear_layer(
    convolving: list[tuple[int, ...]], shape: tuple[int, ...], bias: bool
) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(shape), torch.randn(3, 8)
    offset = torch.randn(3) if bias else None
    with torch.inference_mode():
        found = linear(x, weight, offset)
    assert convolving
    torch.testing.assert_close(found, F.linear(x, weight, offset))


def test_rows_that_do_not_lie_together_are_taken_as_they_are_meant(convolving: list[tuple[int, ...]]) -> None:
    x, weight = torch.randn(8, 3, 5).permute(2, 1, 0), torch.randn(8, 4).T
    with torch.inference_mode():
        torch.testing.assert_close(linear(x, weight), x @ weight.T)
    assert convolving


def test_what_convolutions_are_not_quicker_at_is_left_to_torch(convolving: list[tuple[int, ...]]) -> None:
    layer = Linear(8, 3)
    layer(torch.randn(5, 8)).sum().backward()  # gradients are wanted
    assert layer.weight.grad is not None
    with torch.inference_mode():
        layer.bfloat16()(torch.randn(5, 8).bfloat16())
        layer.float()(torch.randn(1, 8))
        assert layer(torch.randn(0, 8)).shape == (0, 3)
    assert not convolving


@pytest.mark.parametrize(("n", "m", "d"), [(7, 5, 8), (30, 33, 4), (20, 64, 1)])
def test_keys_in_turn_are_scaled_dot_product_attention(
    monkeypatch: pytest.MonkeyPatch, convolving: list[tuple[int, ...]], n: int, m: int, d: int
) -> None:
    """Also where the keys do not divide into pieces, and where the largest score comes last."""
    monkeypatch.setattr(layers, "KEYS_AT_ONCE", 4)
    torch.manual_seed(0)
    q, k, v = torch.randn(2, n, 8), torch.randn(2, m, 8), torch.randn(2, m, d)
    k = k * torch.linspace(0.1, 20, m)[:, None]
    with torch.inference_mode():
        found = look(q, k, v)
    assert convolving
    torch.testing.assert_close(found, F.scaled_dot_product_attention(q, k, v), atol=1e-5, rtol=1e-5)


def test_keys_in_turn_stay_near_in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "KEYS_AT_ONCE", 16)
    monkeypatch.setattr(layers, "MANY_KEYS", 32)
    torch.manual_seed(0)
    q, k, v = (
        torch.randn(2, 30, 8),
        torch.randn(2, 200, 8) * torch.linspace(0.1, 3, 200)[:, None],
        torch.randn(2, 200, 4),
    )
    calls = []
    real = layers._look_by_keys
    monkeypatch.setattr(layers, "_look_by_keys", lambda *parts: calls.append(1) or real(*parts))
    with torch.inference_mode():
        found = look(*(part.bfloat16() for part in (q, k, v)))
    assert len(calls) == 2
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), F.scaled_dot_product_attention(q, k, v), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_pieces_come_back_in_order(rows: int) -> None:
    sizes = []

    def work(part: torch.Tensor) -> torch.Tensor:
        sizes.append(len(part))
        return 2 * part

    x = torch.arange(10.0)
    with torch.inference_mode():
        torch.testing.assert_close(in_pieces(work, x, rows), 2 * x)
    assert max(sizes) == min(rows, 10)


@pytest.mark.parametrize("pool", [False, True])
def test_a_block_in_pieces_is_the_block(monkeypatch: pytest.MonkeyPatch, pool: bool) -> None:
    """Windows that the map does not divide into, and a block that opens a stage."""
    torch.manual_seed(0)
    block = HieraBlock(8, 16 if pool else 8, 2, 4, pool).eval()
    for part in block.modules():
        if isinstance(part, nn.LayerNorm):  # a bias, which must not reach the padding
            nn.init.normal_(part.bias)
    x = torch.randn(2, 10, 14, 8)
    with torch.inference_mode():
        whole = block(x)
        monkeypatch.setattr("napari_sam2.sam2.hiera.TOKENS_AT_ONCE", 48)
        torch.testing.assert_close(block(x), whole)
