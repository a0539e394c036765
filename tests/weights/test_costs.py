"""What is known of the costs of the models is true of the networks, and the rule of three is one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_sam2.sam2 import PRESETS, Memory, Sam2
from napari_sam2.weights import costs, speed
from napari_sam2.weights.costs import Rate, estimate, known_rate, remember_rate
from napari_sam2.weights.errors import ModelError
from napari_sam2.weights.notes import state_folder
from napari_sam2.weights.registry import PUBLISHED
from napari_sam2.weights.speed import measured_rate

RATE = Rate("a processor", encode=1.0, track=0.8, micro=0.05)


def work(variant: str, side: int) -> tuple[float, float]:
    """Billions of operations to look at a frame and to follow an object in it, counted without computing."""
    config = replace(PRESETS[variant], image_size=side)
    with torch.device("meta"), torch.no_grad():
        model = Sam2(config).eval().requires_grad_(False)
        with FlopCounterMode(display=False) as looking:
            features = model.encode_image(torch.zeros(1, 3, side, side))
        cells = config.feature_size
        maps = [torch.zeros(1, config.memory_width, cells, cells)] * config.memories
        pointers = [torch.zeros(1, config.width)] * config.max_pointers
        memory = Memory(maps, list(range(7)), pointers, [1.0] * config.max_pointers, config.max_pointers)
        with FlopCounterMode(display=False) as following:
            found = model.segment(model.condition(features, memory), features, several=True)
            model.encode_memory(features, found.best_logits, found.object_scores, prompted=False)
    return looking.get_total_flops() / 1e9, following.get_total_flops() / 1e9


@pytest.mark.parametrize("size", ["tiny", "large"])
def test_the_costs_are_those_of_the_networks(size: str) -> None:
    looking, following = work(f"sam2.1_hiera_{size}", 1024)
    assert looking == pytest.approx(costs.ENCODE[size], rel=0.02)
    assert following == pytest.approx(costs.TRACK, rel=0.02)


def test_the_yardstick_is_what_it_is_said_to_be() -> None:
    looking, following = work(costs.YARD, costs.YARD_SIDE)
    assert looking == pytest.approx(costs.YARD_ENCODE, rel=0.02)
    assert following == pytest.approx(costs.YARD_TRACK, rel=0.02)


def test_estimates_scale_with_the_rate() -> None:
    tiny = estimate("sam2.1_hiera_tiny", RATE)
    assert tiny is not None
    assert tiny.frame == pytest.approx(292.39 / 62.85)
    assert tiny.object == pytest.approx(0.8 * 436.84 / 40.0)
    assert tiny.text == "about 5 s + 9 s per object"
    slower = estimate("sam2.1_hiera_tiny", Rate("x", 2.0, 1.6, 0.1))
    assert slower is not None
    assert slower.frame == 2 * tiny.frame
    frames = [estimate(name, RATE).frame for name in PUBLISHED if name.startswith("sam2.1")]  # type: ignore[union-attr]
    assert frames == sorted(frames)
    assert estimate("micro", RATE).text == "about 0.05 s per object"  # type: ignore[union-attr]
    assert estimate("nonsense", RATE) is None


def test_the_rate_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def timed(variant: str, side: int, device: torch.device) -> tuple[float, float]:
        asked.append((variant, side))
        return 0.5, 0.25

    monkeypatch.setattr(speed, "_timed", timed)
    assert known_rate("cpu") is None
    rate = measured_rate("cpu")
    assert (rate.encode, rate.track, rate.micro) == (0.5, 0.25, 0.75)
    assert "thread" in rate.device
    assert measured_rate("cpu") == known_rate("cpu") == rate
    assert asked == [("sam2.1_hiera_tiny", 512), ("micro", 256)]
    measured_rate("cpu", again=True)
    assert len(asked) == 4
    assert known_rate("auto") is None, "another device has another rate"
    with pytest.raises(ModelError, match="no device 'gpu'"):
        measured_rate("gpu")


def test_a_real_measurement() -> None:
    looking, following = speed._timed("micro", 256, torch.device("cpu"))
    assert looking > 0
    assert following > 0


@pytest.mark.parametrize("noted", ["", "[]", "{}", "damaged", "other fields", "not a number", "other version"])
def test_what_cannot_be_used_is_measured_anew(noted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    remember_rate("cpu", RATE)
    file = state_folder() / "speed.json"
    (key,) = json.loads(file.read_text())
    if noted == "other version":
        monkeypatch.setattr(costs, "version", lambda _: "1.0")
    elif noted == "other fields":
        file.write_text(json.dumps({key: {"rate": 3}}))
    elif noted == "not a number":
        file.write_text(json.dumps({key: {"device": "x", "encode": "1", "track": 1.0, "micro": 1.0}}))
    else:
        file.write_text(noted)
    assert known_rate("cpu") is None


def test_notes_that_cannot_be_written_are_not_missed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAPARI_SAM2_STATE", str(tmp_path / "file"))
    remember_rate("cpu", RATE)
    assert known_rate("cpu") is None
