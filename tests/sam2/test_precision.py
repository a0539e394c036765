"""Half precision for the heavy parts, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.sam2.config import ConvTrunkConfig
from napari_sam2.sam2.precision import HEAVY, mixed, quick_dtype


@pytest.fixture
def model() -> Sam2:
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
    return Sam2(config).eval().requires_grad_(False)


def test_heavy_parts_are_halved_and_all_other_weights_are_the_same_tensors(model: Sam2) -> None:
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    twin = mixed(model, torch.bfloat16)
    own, shared = dict(twin.named_parameters()), dict(model.named_parameters())
    assert own.keys() == shared.keys()
    for name, weight in own.items():
        if name.startswith(HEAVY):
            assert weight.dtype == torch.bfloat16, name
            torch.testing.assert_close(weight.float(), shared[name], atol=1e-2, rtol=1e-2)
        else:
            assert weight is shared[name], name
            assert weight.dtype == torch.float32
    assert twin.dtype == torch.bfloat16
    assert model.dtype == torch.float32
    for name, weight in model.state_dict().items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, before[name]), "the exact network is untouched"


def test_it_is_made_once(model: Sam2) -> None:
    assert mixed(model, torch.bfloat16) is mixed(model, torch.bfloat16)
    assert mixed(model, torch.float16) is not mixed(model, torch.bfloat16)


def test_a_mixed_network_answers_in_float32_and_nearly_the_same(model: Sam2) -> None:
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    xy, labels = torch.tensor([[[30.0, 30.0]]]), torch.ones(1, 1, dtype=torch.long)
    found = []
    with torch.inference_mode():
        for network in (model, mixed(model, torch.bfloat16)):
            features = network.encode_image(images.to(network.dtype))
            assert features.stride16.dtype == network.dtype
            answer = network.decode(network.without_memory(features), features, xy, labels)
            memory = network.encode_memory(features, answer.logits[:, :1], answer.object_scores, prompted=True)
            assert memory.dtype == network.dtype
            assert answer.logits.dtype == answer.ious.dtype == answer.tokens.dtype == torch.float32
            found.append((answer.logits, memory.float()))
    for exact, quick in zip(*found, strict=True):
        assert (exact - quick).abs().mean() < 0.05 * exact.std()
        assert not torch.equal(exact, quick)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
    ],
)
def test_a_processor_without_bfloat16_stays_in_float32(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, bool], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    assert quick_dtype(torch.device("cpu")) == expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert quick_dtype(torch.device("cpu")) == torch.float32, "an older torch"


def test_graphics_cards_take_what_they_are_quick_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)  # said of cards that only emulate it, too
    monkeypatch.setattr(torch.version, "hip", None)
    cards = {(6, 1): torch.float32, (7, 0): torch.float16, (7, 5): torch.float16, (8, 0): torch.bfloat16}
    for capability, expected in (cards | {(12, 0): torch.bfloat16}).items():
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, known=capability: known)
        assert quick_dtype(torch.device("cuda", 1)) == expected
    monkeypatch.setattr(torch.version, "hip", "6.2")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 0))
    assert quick_dtype(torch.device("cuda")) == torch.bfloat16, "AMD counts otherwise"
    assert quick_dtype(torch.device("mps")) == torch.float32
