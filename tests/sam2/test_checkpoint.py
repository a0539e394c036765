"""Checkpoints load strictly by name; the sizes are those of the published models."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.sam2 import PRESETS, CheckpointError, Sam2, load_state

# Parameters and keys of the published checkpoints.
PUBLISHED = {
    "sam2_hiera_tiny": (38_945_986, 468),
    "sam2_hiera_small": (46_043_842, 516),
    "sam2_hiera_base_plus": (80_833_666, 612),
    "sam2_hiera_large": (224_430_130, 900),
    "sam2.1_hiera_tiny": (38_962_498, 471),
    "sam2.1_hiera_small": (46_060_354, 519),
    "sam2.1_hiera_base_plus": (80_850_178, 615),
    "sam2.1_hiera_large": (224_446_642, 903),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_have_the_published_size(name: str) -> None:
    with torch.device("meta"):
        model = Sam2(PRESETS[name])
    assert (sum(p.numel() for p in model.parameters()), len(model.state_dict())) == PUBLISHED[name]


@pytest.fixture
def micro() -> Sam2:
    torch.manual_seed(0)
    return Sam2(PRESETS["micro"])


def test_a_state_that_fits_is_copied(micro: Sam2) -> None:
    other = Sam2(PRESETS["micro"])
    load_state(other, micro.state_dict())
    for key, value in micro.state_dict().items():
        assert torch.equal(other.state_dict()[key], value)


def test_every_misfit_is_named_and_nothing_is_copied(micro: Sam2) -> None:
    before = {key: value.clone() for key, value in micro.state_dict().items()}
    state = {key: value + 1 for key, value in before.items()}
    del state["no_mem_embed"]
    state["extra.weight"] = torch.zeros(1)
    state["no_obj_ptr"] = torch.zeros(1, 5)
    with pytest.raises(CheckpointError) as error:
        load_state(micro, state, "micro")
    for words in ("micro", "1 missing: no_mem_embed", "1 unexpected: extra.weight", r"no_obj_ptr (got (1, 5)"):
        assert words in str(error.value)
    for key, value in micro.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_entries_that_are_no_tensors_are_refused(micro: Sam2) -> None:
    state = {**micro.state_dict(), "no_obj_ptr": 3}
    with pytest.raises(CheckpointError, match="no tensors: no_obj_ptr"):
        load_state(micro, state)  # type: ignore[arg-type]
