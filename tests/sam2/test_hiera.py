"""The trunk of the published models, where and however its weights were made."""

import pytest
import torch

from napari_sam2.sam2.config import HieraConfig
from napari_sam2.sam2.hiera import Hiera

SMALL = HieraConfig(8, 1, (1, 1, 1, 1), (2,), (4, 2, 2, 2), (2, 2))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)


def trunk() -> Hiera:
    torch.manual_seed(0)
    made = Hiera(SMALL).eval()
    for weight in (made.pos_embed, made.pos_embed_window):
        torch.nn.init.normal_(weight)
    return made


def test_weights_made_in_inference_mode_give_the_same(images: torch.Tensor) -> None:
    # The widget loads models on the inference thread, in inference mode.
    with torch.no_grad():
        expected = trunk()(images)
    with torch.inference_mode():
        model = trunk()
        assert model.pos_embed.is_inference()
        for found in (model(images), model(images)):
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_changed_positions_count_at_once(images: torch.Tensor, mode: type) -> None:
    with mode():
        model = trunk()
        before = model(images)[0]
        model.pos_embed.add_(1.0)
        assert not torch.allclose(model(images)[0], before)
