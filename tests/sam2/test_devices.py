"""All that the network makes lies where its weights and inputs lie. Weights without values tell, as a device would."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.sam2 import PRESETS, ImageFeatures, Memory, Sam2

B = 2


def meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(*shape, dtype=dtype, device="meta")


@pytest.fixture(params=["sam2.1_hiera_tiny", "sam2_hiera_tiny", "micro"])
def network(request: pytest.FixtureRequest) -> Sam2:
    with torch.device("meta"):
        return Sam2(PRESETS[request.param]).eval().requires_grad_(False)


@pytest.fixture
def features(network: Sam2) -> ImageFeatures:
    size = network.config.image_size
    return network.encode_image(meta(B, 3, size, size))


def test_a_frame_is_segmented_and_remembered_on_one_device(network: Sam2, features: ImageFeatures) -> None:
    found = network.segment(network.without_memory(features), features, several=True)
    memory = network.encode_memory(features, found.best_logits, found.object_scores, prompted=True)
    remembered = Memory([memory, memory], [0, 1], [found.pointers, found.pointers], [0, 1], 4)
    again = network.segment(network.condition(features, remembered), features, several=True)
    assert {part.device.type for part in (memory, again.logits, again.pointers, again.object_scores)} == {"meta"}


def test_prompts_are_answered_on_one_device(network: Sam2, features: ImageFeatures) -> None:
    if network.config.prompt_discs:
        pytest.skip("it asks for values of its prompts")
    xy, labels, size = meta(B, 1, 2), meta(B, 1, dtype=torch.long), network.config.image_size
    found = network.segment(network.without_memory(features), features, xy, labels, several=True)
    with_mask = network.answer_with_mask(features, meta(B, 1, size, size))
    assert {found.logits.device.type, with_mask.logits.device.type} == {"meta"}
