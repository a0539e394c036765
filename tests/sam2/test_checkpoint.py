"""Meta's checkpoint layout: names, shapes and sizes of all eight variants; what is said of a file that does not fit."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_sam2.sam2 import PRESETS, CheckpointError, Sam2, load_state
from napari_sam2.weights.errors import ModelError
from napari_sam2.weights.load import load_model

# Digests of names and shapes, made from Meta's own networks by tests/oracle/make_layouts.py.
LAYOUTS = json.loads((Path(__file__).parents[1] / "golden" / "layouts.json").read_text())

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


def on_meta(name: str) -> Sam2:
    """A network without memory or values."""
    with torch.device("meta"):
        return Sam2(PRESETS[name])


@pytest.fixture
def micro() -> Sam2:
    torch.manual_seed(0)
    return Sam2(PRESETS["micro"])


@pytest.fixture
def state(micro: Sam2) -> dict[str, Any]:
    """A state that fits micro and differs from it everywhere."""
    return {key: value + 1 for key, value in micro.state_dict().items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_layout_is_metas(name: str) -> None:
    model = on_meta(name)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    lines = "\n".join(f"{key} {'x'.join(map(str, shape))}" for key, shape in sorted(shapes.items()))
    assert (sum(p.numel() for p in model.parameters()), len(shapes)) == PUBLISHED[name]
    assert (LAYOUTS[name]["parameters"], LAYOUTS[name]["keys"]) == PUBLISHED[name]
    assert hashlib.sha256(lines.encode()).hexdigest() == LAYOUTS[name]["sha256"]


def test_only_two_things_distinguish_the_families() -> None:
    newer, older = (set(on_meta(f"{family}_hiera_small").state_dict()) for family in ("sam2.1", "sam2"))
    assert newer - older == {"no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias"}
    assert not older - newer


def test_a_state_that_fits_is_copied(micro: Sam2, state: dict[str, Any]) -> None:
    load_state(micro, state)
    for key, value in micro.state_dict().items():
        assert torch.equal(value, state[key]), key


def refusal(model: Sam2, state: Mapping[str, Any]) -> str:
    """What is said of a state that does not fit; nothing of it is copied."""
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_state(model, state, "micro")
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert "micro" in str(caught.value)
    return str(caught.value)


def test_a_missing_key_is_named(micro: Sam2, state: dict[str, Any]) -> None:
    del state["no_obj_ptr"]
    said = refusal(micro, state)
    assert "1 missing: no_obj_ptr" in said
    assert "unexpected" not in said


def test_a_renamed_key_is_named_twice(micro: Sam2, state: dict[str, Any]) -> None:
    state["no_object_pointer"] = state.pop("no_obj_ptr")
    said = refusal(micro, state)
    assert "1 missing: no_obj_ptr" in said
    assert "1 unexpected: no_object_pointer" in said


def test_a_wrong_shape_is_told_with_the_right_one(micro: Sam2, state: dict[str, Any]) -> None:
    state["no_obj_ptr"] = torch.zeros(1, 3)
    assert f"1 of the wrong shape: no_obj_ptr (got (1, 3), expected (1, {micro.config.width}))" in refusal(micro, state)


def test_a_shape_that_would_broadcast_is_refused(micro: Sam2, state: dict[str, Any]) -> None:
    state["no_obj_ptr"] = state["no_obj_ptr"][0]
    assert "of the wrong shape: no_obj_ptr" in refusal(micro, state)


def test_entries_that_are_no_tensors_are_refused(micro: Sam2, state: dict[str, Any]) -> None:
    state["no_obj_ptr"] = 3
    assert "no tensors: no_obj_ptr" in refusal(micro, state)


def test_many_misfits_are_counted_and_not_all_listed(micro: Sam2) -> None:
    said = refusal(micro, {})
    assert f"{len(micro.state_dict())} missing" in said
    assert len(said) < 600


@pytest.mark.parametrize("other", ["sam2_hiera_tiny", "sam2.1_hiera_small"])
def test_another_variant_is_refused(other: str) -> None:
    with pytest.raises(CheckpointError, match=r"does not fit sam2.1_hiera_tiny: \d+ (missing|unexpected)"):
        load_state(on_meta("sam2.1_hiera_tiny"), on_meta(other).state_dict(), "sam2.1_hiera_tiny")


def file_refusal(path: Path) -> str:
    """What is said of a file that cannot be used; it names the file."""
    with pytest.raises(ModelError) as caught:
        load_model(path, variant="micro")
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_truncated_file_is_refused_wherever_it_ends(state: dict[str, Any], tmp_path: Path) -> None:
    whole = tmp_path / "whole.pt"
    torch.save({"model": state}, whole)
    assert load_model(whole, variant="micro").config.name == "micro"
    content = whole.read_bytes()
    for kept in (10, len(content) // 3, len(content) - 100):
        cut = tmp_path / f"first-{kept}.pt"
        cut.write_bytes(content[:kept])
        assert "damaged" in file_refusal(cut) or "no file of weights" in file_refusal(cut)


def test_an_archive_that_lacks_a_tensor_is_refused(state: dict[str, Any], tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    torch.save({"model": state}, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(cut, "w") as target:
        gone = next(name for name in source.namelist() if "/data/" in name)
        for name in source.namelist():
            if name != gone:
                target.writestr(name, source.read(name))
    assert "damaged" in file_refusal(cut)


class MakesAFile:
    """Code that unpickling would run: it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_pickle_with_code_is_refused_and_not_run(state: dict[str, Any], tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    torch.save({"model": state, "extra": MakesAFile(trace)}, tmp_path / "code.pt")
    assert "not loaded for safety" in file_refusal(tmp_path / "code.pt")
    assert not trace.exists()
