"""Features on the disk: the same again, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import ImageFeatures, Sam2
from napari_sam2.sam2.precision import mixed
from napari_sam2.tracking import Tracker, TrackerOptions
from napari_sam2.tracking.feature_store import ENDING, FeatureStore, weights_digest


def features(seed: int, dtype: torch.dtype = torch.float32) -> ImageFeatures:
    generator = torch.Generator().manual_seed(seed)
    # Channels last, as the encoder gives them.
    maps = (torch.randn(1, n, n, 8, generator=generator).permute(0, 3, 1, 2).to(dtype) for n in (4, 8, 16))
    return ImageFeatures(*maps)


def image(seed: int) -> torch.Tensor:
    return torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(100 + seed))


def same(a: ImageFeatures | None, b: ImageFeatures) -> bool:
    return a is not None and all(
        torch.equal(x, y) and x.dtype == y.dtype for x, y in zip(vars(a).values(), vars(b).values(), strict=True)
    )


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "new" / "folder", 2**30, "weights")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_is_kept_comes_back_to_the_bit(store: FeatureStore, dtype: torch.dtype) -> None:
    assert store.get(image(0).to(dtype)) is None
    for seed in (0, 1):
        store.put(image(seed).to(dtype), features(seed, dtype))
    again = FeatureStore(store.folder, store.limit, "weights")
    assert same(again.get(image(0).to(dtype)), features(0, dtype))
    assert same(again.get(image(1).to(dtype)), features(1, dtype))
    assert again.get(image(2).to(dtype)) is None
    assert sorted(file.suffix for file in store.folder.iterdir()) == [ENDING] * 2, "nothing else is left"


def test_other_pixels_sizes_types_and_weights_do_not_match(store: FeatureStore) -> None:
    store.put(image(0), features(0))
    changed = image(0)
    changed[2, 63, 63] += 1e-6
    assert store.get(changed) is None
    assert store.get(image(0).reshape(3, 32, 128)) is None
    assert store.get(image(0).bfloat16()) is None
    assert FeatureStore(store.folder, store.limit, "other").get(image(0)) is None


def test_weights_are_told_apart_by_their_numbers_and_precision(small_model: Sam2, whole_frame_model: Sam2) -> None:
    assert weights_digest(small_model) == weights_digest(whole_frame_model), "the same weights"
    assert weights_digest(small_model) != weights_digest(mixed(small_model, torch.bfloat16))
    name = "image_encoder.neck.convs.0.conv.weight"
    trained = Sam2(small_model.config)
    trained.load_state_dict(small_model.state_dict())
    assert weights_digest(trained) == weights_digest(small_model)
    with torch.no_grad():
        trained.get_parameter(name).mul_(1.001)
    assert weights_digest(trained) != weights_digest(small_model)


@pytest.mark.parametrize("harm", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * len(b), lambda b: b[:9]])
def test_a_damaged_file_is_as_good_as_none_and_is_written_over(store: FeatureStore, harm: object) -> None:
    store.put(image(0), features(0))
    (file,) = store.folder.iterdir()
    file.write_bytes(harm(file.read_bytes()))  # type: ignore[operator]
    assert store.get(image(0)) is None
    store.put(image(0), features(0))
    assert same(store.get(image(0)), features(0))


def test_the_longest_unused_go_first_and_other_files_stay(store: FeatureStore) -> None:
    store.put(image(0), features(0))
    (file,) = store.folder.iterdir()
    one = file.stat().st_size
    other = store.folder / "notes.txt"
    other.write_bytes(b"0" * 100 * one)
    store.limit = 3 * one
    for seed in (1, 2):
        store.put(image(seed), features(seed))
    for age, seed in enumerate((0, 1, 2)):  # 2 is the oldest now
        os.utime(store._file(image(seed)), (10_000 - age, 10_000 - age))
    assert store.get(image(2)) is not None, "and now the latest"
    store.put(image(3), features(3))
    assert [store.get(image(seed)) is not None for seed in range(4)] == [True, False, True, True]
    assert other.exists()
    assert sum(f.stat().st_size for f in store.folder.glob(f"*{ENDING}")) <= store.limit


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = FeatureStore(tmp_path / "file" / "below", 2**30, "weights")
    store.put(image(0), features(0))
    assert store.get(image(0)) is None
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_folder_that_can_only_be_read_is_read(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(image(0), features(0))

    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    assert same(store.get(image(0)), features(0))
    store.put(image(1), features(1))
    assert store.get(image(1)) is None
    assert len(list(store.folder.iterdir())) == 1, "nothing half-written is left"


@pytest.mark.parametrize("view", ["auto", "frame"])
def test_a_stack_that_is_opened_again_is_not_encoded_again(
    whole_frame_model: Sam2, stack: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    encoded = []
    real = Sam2.encode_image
    monkeypatch.setattr(Sam2, "encode_image", lambda self, images: encoded.append(len(images)) or real(self, images))

    def run(folder: Path | str | None) -> tuple[int, list[np.ndarray]]:
        encoded.clear()
        tracker = Tracker(whole_frame_model, stack, TrackerOptions(view=view, feature_folder=folder))  # type: ignore[arg-type]
        tracker.add_box(1, 0, [20, 15, 40, 40])
        tracker.add_box(2, 0, [50, 60, 75, 85])
        return sum(encoded), [result.logits for result in tracker.propagate()]

    _, expected = run(None)
    _, first = run(tmp_path)
    assert sum(encoded) > 0
    _, second = run(str(tmp_path))
    assert sum(encoded) == 0
    for a, b, c in zip(expected, first, second, strict=True):
        # Features from the disk lie in memory in another order, which may turn the last digit.
        np.testing.assert_allclose(b, c, atol=1e-5)
        np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_graphics_processor_gets_them_from_the_disk(
    kind: str, published: Sam2, stack: np.ndarray, tmp_path: Path, pretend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pretend(kind) as device:
        model = device.moved(published)
        for time in ("first", "again"):
            tracker = Tracker(model, stack, TrackerOptions(feature_folder=tmp_path))
            tracker.add_box(1, 0, [20, 15, 40, 40])
            assert tracker.predict(0).object_ids == (1,)
            if time == "first":
                monkeypatch.setattr(Sam2, "encode_image", lambda *_: pytest.fail("encoded again"))
