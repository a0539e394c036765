"""The user's own checkpoints that were used last."""

from pathlib import Path

import pytest

from napari_sam2.weights.notes import state_folder
from napari_sam2.weights.recent import forget_checkpoint, recent_checkpoints, remember_checkpoint


def files(folder: Path, count: int) -> list[Path]:
    for number in range(count):
        (folder / f"{number}.pt").write_bytes(b"")
    return [folder / f"{number}.pt" for number in range(count)]


def test_the_last_one_comes_first_and_once(tmp_path: Path) -> None:
    one, two = files(tmp_path, 2)
    assert recent_checkpoints() == []
    remember_checkpoint(one, "micro")
    remember_checkpoint(str(two), "sam2_hiera_tiny")
    remember_checkpoint(one, "sam2.1_hiera_tiny")
    assert [(entry.file, entry.variant) for entry in recent_checkpoints()] == [
        (one, "sam2.1_hiera_tiny"),
        (two, "sam2_hiera_tiny"),
    ]
    forget_checkpoint(one)
    assert [entry.file for entry in recent_checkpoints()] == [two]
    assert one.exists()


def test_only_so_many_and_only_those_that_are_there(tmp_path: Path) -> None:
    many = files(tmp_path, 12)
    for file in many:
        remember_checkpoint(file, "micro")
    assert [entry.file for entry in recent_checkpoints()] == many[:3:-1]
    many[-1].unlink()
    assert recent_checkpoints()[0].file == many[-2]


def test_relative_paths_mean_the_same_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = files(tmp_path, 1)
    monkeypatch.chdir(tmp_path)
    remember_checkpoint("0.pt", "micro")
    monkeypatch.chdir("/")
    assert recent_checkpoints()[0].file == file


@pytest.mark.parametrize("content", ["", "{}", '[1, {"path": 3}, {"path": "/x"}]', "\x00"])
def test_a_damaged_list_is_an_empty_one(content: str, tmp_path: Path) -> None:
    state_folder().mkdir(exist_ok=True)
    (state_folder() / "recent-checkpoints.json").write_text(content)
    assert recent_checkpoints() == []
    (file,) = files(tmp_path, 1)
    remember_checkpoint(file, "micro")
    assert len(recent_checkpoints()) == 1
