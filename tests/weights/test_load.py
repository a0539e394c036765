"""From files of weights, good and bad, to networks."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.weights import registry
from napari_sam2.weights.errors import ModelError
from napari_sam2.weights.load import load_model
from napari_sam2.weights.recognise import recognise_variant


@pytest.fixture(scope="module")
def tiny() -> Sam2:
    torch.manual_seed(0)
    return Sam2(PRESETS["sam2.1_hiera_tiny"])


@pytest.fixture(scope="module")
def micro() -> Sam2:
    torch.manual_seed(1)
    return Sam2(PRESETS["micro"])


def same_weights(one: Sam2, other: Sam2) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize("name", PRESETS)
def test_every_variant_is_recognised(name: str) -> None:
    with torch.device("meta"):
        state = Sam2(PRESETS[name]).state_dict()
    assert recognise_variant(state, Path("weights.pt")) == name
    state.pop(next(iter(state)))
    assert recognise_variant(state, Path("weights.pt")) == name


def test_published_layout(tiny: Sam2, tmp_path: Path) -> None:
    torch.save({"model": tiny.state_dict()}, tmp_path / "finetuned.pt")
    model = load_model(tmp_path / "finetuned.pt")
    assert model.config.name == "sam2.1_hiera_tiny"
    assert same_weights(model, tiny)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert load_model(str(tmp_path / "finetuned.pt"), variant="sam2.1_hiera_tiny").config is model.config


def test_state_dict_alone_and_half_precision_safetensors(micro: Sam2, tmp_path: Path) -> None:
    torch.save(micro.state_dict(), tmp_path / "bare.pth")
    assert same_weights(load_model(tmp_path / "bare.pth"), micro)
    half = {name: tensor.half().contiguous() for name, tensor in micro.state_dict().items()}
    save_file(half, tmp_path / "half.safetensors", metadata={"format": "napari-sam2", "variant": "micro"})
    model = load_model(tmp_path / "half.safetensors", device="cpu")
    assert model.config.name == "micro"
    assert model.dtype == torch.float32
    name = "no_obj_ptr"
    assert torch.equal(model.state_dict()[name], half[name].float())
    assert load_model(tmp_path / "half.safetensors", dtype="bfloat16").dtype == torch.bfloat16


def test_a_published_name_loads_what_is_in_the_cache(tiny: Sam2, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = cache / "sam2.1_hiera_tiny.pt"
    torch.save({"model": tiny.state_dict()}, file)
    entry = replace(
        registry.PUBLISHED["sam2.1_hiera_tiny"],
        url="http://127.0.0.1:1/sam2.1_hiera_tiny.pt",
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )
    monkeypatch.setitem(registry.PUBLISHED, entry.name, entry)
    assert same_weights(load_model(entry.name), tiny)
    with pytest.raises(ModelError, match=r"is the variant sam2\.1_hiera_tiny, not micro"):
        load_model(entry.name, variant="micro")


@pytest.mark.parametrize(
    ("group", "prefix"), [("model", "module."), ("state_dict", "_orig_mod.module."), ("model_state", "sam2_model.")]
)
def test_what_trainers_make_of_a_checkpoint(micro: Sam2, tmp_path: Path, group: str, prefix: str) -> None:
    state = {f"{prefix}{name}": tensor for name, tensor in micro.state_dict().items()}
    torch.save({group: state, "optimizer": {"lr": 0.1}, "epoch": 3}, tmp_path / "last.ckpt")
    assert same_weights(load_model(tmp_path / "last.ckpt"), micro)


def test_the_content_counts_and_not_the_name(micro: Sam2, tmp_path: Path) -> None:
    save_file(dict(micro.state_dict()), tmp_path / "weights.pt")
    assert same_weights(load_model(tmp_path / "weights.pt"), micro)
    torch.save(micro.state_dict(), tmp_path / "weights.safetensors")
    assert same_weights(load_model(tmp_path / "weights.safetensors"), micro)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("vision_encoder.backbone.pos_embed", "layout of Hugging Face's transformers; take the .pt file"),
        ("image_encoder.blocks.0.norm1.weight", "a model of the first SAM"),
    ],
)
def test_known_layouts_of_others_are_named(tmp_path: Path, entry: str, reason: str) -> None:
    save_file({entry: torch.zeros(2)}, tmp_path / "other.safetensors")
    assert reason in message(tmp_path / "other.safetensors")


def message(file: Path | str, **options: str) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(file, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_do_not_fit(tiny: Sam2, tmp_path: Path) -> None:
    state = tiny.state_dict()
    del state["no_mem_embed"]
    state["obj_ptr_proj.layers.0.weight"] = torch.zeros(3, 4)
    torch.save({"model": state}, tmp_path / "cut.pt")
    said = message(tmp_path / "cut.pt")
    assert "sam2.1_hiera_tiny" in said
    assert "1 missing: no_mem_embed" in said
    assert "obj_ptr_proj.layers.0.weight (got (3, 4), expected (256, 256))" in said
    torch.save({"model": tiny.state_dict()}, tmp_path / "tiny.pt")
    assert "does not fit sam2_hiera_tiny" in message(tmp_path / "tiny.pt", variant="sam2_hiera_tiny")
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    assert "does not look like a SAM 2 model (first entry: fc.weight)" in message(tmp_path / "other.pt")
    torch.save({"epoch": 3}, tmp_path / "epoch.pt")
    assert "holds no weights" in message(tmp_path / "epoch.pt")


def test_damaged_files(micro: Sam2, tmp_path: Path) -> None:
    torch.save({"model": micro.state_dict()}, tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    for name, content in {"half": whole[: len(whole) // 2], "empty": b"", "text": b"<html>not found</html>"}.items():
        (tmp_path / f"{name}.pt").write_bytes(content)
        assert str(tmp_path / f"{name}.pt") in message(tmp_path / f"{name}.pt")
    (tmp_path / "bad.safetensors").write_bytes(whole[:1000])
    assert "damaged or no safetensors file" in message(tmp_path / "bad.safetensors")


class Dangerous:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"model": Dangerous(tmp_path / "ran")}, tmp_path / "evil.pt")
    assert "not loaded for safety" in message(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_names_variants_devices(tmp_path: Path) -> None:
    assert "no model and no file 'sam2.1_tiny'" in message("sam2.1_tiny")
    assert "no variant 'tiny'; there are sam2_hiera_tiny" in message("micro", variant="tiny")
    assert "no device 'gpu'" in message("micro", device="gpu")
    assert "no dtype 'int8'" in message("micro", dtype="int8")
    assert "not available here" in message("micro", device="xpu")
    save_file({"a": torch.zeros(1)}, tmp_path / "new.safetensors", {"format": "napari-sam2", "variant": "nano"})
    assert "'nano', which this version does not know" in message(tmp_path / "new.safetensors")
