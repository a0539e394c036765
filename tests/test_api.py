"""The whole job, with a small network of random weights: what is asked of the tracker and what comes out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

import napari_sam2
from napari_sam2.api import Progress, apply_prompts, as_objects, expected_results, segment_stack
from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.session.prompts import ObjectPrompts, Prompt, PromptsError, write_prompts
from napari_sam2.tracking import Tracker, TrackerOptions, TrackingError

FRAMES, HEIGHT, WIDTH = 4, 60, 80


@pytest.fixture(scope="module")
def model() -> Sam2:
    torch.manual_seed(0)
    return Sam2(PRESETS["micro"]).eval()


@pytest.fixture
def stack() -> np.ndarray:
    return np.random.default_rng(0).integers(100, 4000, (FRAMES, HEIGHT, WIDTH), np.uint16)


def disc(y: int, x: int) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (rows - y) ** 2 + (columns - x) ** 2 < 64


def two(frame: int = 1) -> list[ObjectPrompts]:
    return [
        ObjectPrompts(3, "three", [Prompt(0, ((20.0, 30.0),), (1,)), Prompt(2, mask=disc(20, 30))]),
        ObjectPrompts(7, "seven", [Prompt(frame, mask=disc(40, 60))]),
    ]


class Recorder:
    """Takes the place of a tracker and writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, *arguments))


def test_prompts_reach_the_tracker_in_order() -> None:
    recorder = Recorder()
    mask = disc(9, 9)
    prompt = Prompt(2, ((1.0, 2.0), (3.0, 4.0)), (1, 0), (0.0, 1.0, 8.0, 9.0), mask)
    apply_prompts(recorder, [ObjectPrompts(5, "", [prompt, Prompt(4, ((7.0, 8.0),), (1,), candidate=2)])])  # type: ignore[arg-type]
    assert recorder.calls == [
        ("add_mask", 5, 2, mask),
        ("add_box", 5, 2, (0.0, 1.0, 8.0, 9.0)),
        ("add_points", 5, 2, ((1.0, 2.0), (3.0, 4.0)), (1, 0), 0),
        ("add_points", 5, 4, ((7.0, 8.0),), (1,), 2),
    ]


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_labels_progress_and_frames(model: Sam2, stack: np.ndarray, direction: Any) -> None:
    seen: list[Progress] = []
    labels = segment_stack(stack, two(), model, direction=direction, progress=seen.append)
    assert labels.shape == stack.shape
    assert labels.dtype == np.uint16
    assert set(np.unique(labels)) <= {0, 3, 7}
    # A painted mask is held, and only the other object may be in front of it.
    assert set(np.unique(labels[1][disc(40, 60)])) <= {3, 7}
    assert (labels[1] == 7).any()
    assert [step.done for step in seen] == list(range(1, len(seen) + 1))
    assert {step.total for step in seen} == {len(seen)} == {expected_results(two(), FRAMES, direction)}
    if direction == "forward":
        assert not (labels[0] == 7).any(), "an object is not tracked before its first prompt"
    if direction == "backward":
        assert not labels[3].any()


def test_file_document_and_objects_are_the_same(model: Sam2, stack: np.ndarray, tmp_path: Path) -> None:
    write_prompts(tmp_path / "p.json", two())
    tifffile.imwrite(tmp_path / "seed.tif", disc(40, 60).astype(np.uint8))
    expected = segment_stack(stack, two(), model)
    np.testing.assert_array_equal(segment_stack(stack, tmp_path / "p.json", model), expected)
    np.testing.assert_array_equal(napari_sam2.segment_stack(stack, str(tmp_path / "p.json"), model), expected)
    document = {
        "format": "napari-sam2/prompts",
        "version": 1,
        "objects": [{"id": 3, "prompts": [{"frame": 0, "points": [[20, 30]], "labels": [1]}]}],
    }
    alone = segment_stack(stack, document, model)
    np.testing.assert_array_equal(alone, segment_stack(stack, [ObjectPrompts(3, "", two()[0].prompts[:1])], model))


def test_finished_frames_survive_an_interruption(model: Sam2, stack: np.ndarray) -> None:
    out = np.zeros(stack.shape, np.uint32)

    def interrupt(step: Progress) -> None:
        if step.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_stack(stack, two(), model, out=out, progress=interrupt)
    assert (out[1] == 7).any()
    assert not out[2:].any()


def test_large_ids_need_wide_labels(model: Sam2, stack: np.ndarray) -> None:
    labels = segment_stack(stack, [ObjectPrompts(70_000, "", [Prompt(0, mask=disc(20, 20))])], model)
    assert labels.dtype == np.uint32
    assert 70_000 in labels[0]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt(4, ((1.0, 1.0),), (1,)), r"objects\[1\]\.prompts\[0\]: .*frame 4.* 0 to 3"),
        (Prompt(0, ((99.0, 1.0),), (1,)), r"objects\[1\]\.prompts\[0\]: .*\(99, 1\), outside"),
        (Prompt(0, mask=np.ones((3, 3), bool)), r"objects\[1\]\.prompts\[0\]: .*mask of shape \(3, 3\)"),
    ],
)
def test_prompts_that_do_not_fit_the_stack(model: Sam2, stack: np.ndarray, prompt: Prompt, message: str) -> None:
    with pytest.raises(PromptsError, match=message):
        segment_stack(stack, [two()[0], ObjectPrompts(9, "", [prompt])], model)


def test_nothing_to_do(stack: np.ndarray) -> None:
    with pytest.raises(PromptsError, match="there is no prompt in it"):
        segment_stack(stack, [ObjectPrompts(1, "", [])])
    with pytest.raises(PromptsError, match='the file: "format" is missing'):
        as_objects({})


def test_options_are_passed_on(model: Sam2, stack: np.ndarray) -> None:
    with pytest.raises(TrackingError, match="contrast limits"):
        segment_stack(stack, two(), model, options=TrackerOptions(contrast_limits=(5.0, 1.0)))
    assert napari_sam2.Tracker is Tracker
