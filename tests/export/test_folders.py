"""Folders that appear whole or not at all."""

import os

import pytest

from napari_sam2.export.errors import ExportError
from napari_sam2.export.folders import check_target, folder_written_beside


def test_a_new_folder_takes_the_place_of_the_old_one(tmp_path):
    target = tmp_path / "new" / "out.zarr"
    for content in ("one", "two"):
        with folder_written_beside(target) as folder:
            assert folder.suffix == ".zarr"
            (folder / content).touch()
        assert [item.name for item in target.iterdir()] == [content]
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_the_old_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()

    def broken():
        with folder_written_beside(tmp_path / "out") as folder:
            (folder / "new").touch()
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        broken()
    assert [item.name for item in tmp_path.rglob("*")] == ["out", "old"]


def test_the_old_one_comes_back_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    replace, calls = os.replace, []

    def second_fails(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise OSError("another program holds it")
        replace(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(OSError, match="another program"), folder_written_beside(tmp_path / "out") as folder:
        (folder / "new").touch()
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["old", "out"]


def test_targets_that_nothing_may_be_written_to_are_refused(tmp_path, monkeypatch):
    source = tmp_path / "stack.zarr" / "0"
    source.mkdir(parents=True)
    for target in (source, source.parent):
        with pytest.raises(ExportError, match="is what is being exported or its image; give another name"):
            check_target(target, [source])
    file = tmp_path / "file.tif"
    file.touch()
    with pytest.raises(ExportError, match=r"file.tif is a file and no folder; choose another folder"):
        check_target(file / "new" / "a.csv", [source])
    check_target(tmp_path / "new" / "deep" / "a.csv", [source, tmp_path / "gone"])
    # The user who runs the tests may write everywhere.
    for protected in (file, tmp_path):
        monkeypatch.setattr(os, "access", lambda path, mode, protected=protected: path != protected)
        with pytest.raises(ExportError, match=f"{protected.name} is write-protected; choose another folder or name"):
            check_target(file, [source])
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["0", "file.tif", "stack.zarr"]
