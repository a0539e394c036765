"""Batches that memory allows, and the precision that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import ImageFeatures, Memory, Sam2
from napari_sam2.tracking import Tracker, TrackerOptions
from napari_sam2.tracking.view import View

BOXES = {1: [20, 15, 40, 40], 2: [50, 60, 75, 85], 3: [22, 17, 38, 38], 4: [5, 90, 25, 110], 5: [60, 10, 80, 30]}


def tracked(model: Sam2, stack: np.ndarray, options: TrackerOptions) -> list[np.ndarray]:
    tracker = Tracker(model, stack, options)
    for object_id, box in BOXES.items():
        tracker.add_box(object_id, 0, box)
    return [result.logits for result in tracker.propagate(stop=4)]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Sizes of the batches that went through memory attention; those of more than 2 run out of memory."""
    sizes: list[int] = []
    real = Sam2.condition

    def condition(self: Sam2, features: ImageFeatures, memory: Memory) -> torch.Tensor:
        sizes.append(len(memory.pointers[0]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, features, memory)

    with monkeypatch.context() as patch:
        patch.setattr(Sam2, "condition", condition)
        yield sizes


def test_out_of_memory_halves_the_batch_and_changes_nothing(
    whole_frame_model: Sam2, stack: np.ndarray, batches: list[int]
) -> None:
    options = TrackerOptions(view="frame", one_owner=False)
    small = tracked(whole_frame_model, stack, TrackerOptions(view="frame", one_owner=False, batch=2))
    assert set(batches) == {1, 2}
    batches.clear()
    found = tracked(whole_frame_model, stack, options)
    assert batches[:3] == [5, 2, 2], "half of what was too much, and so it stays"
    assert batches.count(5) == 1
    assert max(batches[1:]) == 2
    for one, other in zip(found, small, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_out_of_memory_with_one_object_is_an_error(
    whole_frame_model: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Sam2, "condition", full)
    with pytest.raises(torch.OutOfMemoryError):
        tracked(whole_frame_model, stack, TrackerOptions(view="frame"))


def test_images_too_are_encoded_in_smaller_batches(
    small_model: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = [View(0, 0, 30 + 4 * index, 30 + 4 * index) for index in range(5)]
    sizes: list[int] = []
    real = Sam2.encode_image

    def encode(self: Sam2, images: torch.Tensor) -> ImageFeatures:
        sizes.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, images)

    with torch.inference_mode():
        expected = Tracker(small_model, stack).network.features(0, views, keep=False)
        monkeypatch.setattr(Sam2, "encode_image", encode)
        network = Tracker(small_model, stack).network
        found = network.features(0, views, keep=True)
    assert sizes == [5, 2, 2, 1]
    torch.testing.assert_close(found.stride16, expected.stride16)
    assert all(network.cache.get((0, view)) is not None for view in views)


def test_half_precision_is_used_where_the_device_is_faster_and_never_for_reference(
    small_model: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Tracker(small_model, stack).precision == "float32", "nothing was said of this network"
    monkeypatch.setattr(small_model, "quick_dtype", torch.bfloat16)
    quick = Tracker(small_model, stack)
    assert quick.precision == "bfloat16"
    assert quick.network.model.get_submodule("sam_mask_decoder") is small_model.get_submodule("sam_mask_decoder")
    for options in (TrackerOptions.reference(), TrackerOptions(precision="float32")):
        exact = Tracker(small_model, stack, options)
        assert exact.precision == "float32"
        assert exact.network.model is small_model


def test_half_precision_hardly_changes_masks(
    small_model: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TrackerOptions(one_owner=False, resolve_overlaps=False)
    exact = tracked(small_model, stack, options)
    monkeypatch.setattr(small_model, "quick_dtype", torch.bfloat16)
    for one, other in zip(exact, tracked(small_model, stack, options), strict=True):
        assert ((one > 0) != (other > 0)).mean() < 0.02
        assert not np.array_equal(one, other)
