"""Cell Tracking Challenge folders, checked with the challenge's validator."""

import warnings

import numpy as np
import pytest
import tifffile
from ctc_metrics.scripts.validate import validate_sequence
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.export.errors import ExportError
from napari_sam2.export.formats import export_results
from napari_sam2.export.results import ExportOptions, Results


def is_valid(folder, *, empty_frames: bool = False) -> bool:
    """What `ctc_validate --res` says; every warning counts, but that of empty frames where there are some."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if empty_frames:
            warnings.filterwarnings("ignore", message="Empty frame")
        return validate_sequence(str(folder), threads=1)["Valid"] == 1


def lines(folder) -> list[list[int]]:
    return [[int(part) for part in line.split()] for line in (folder / "res_track.txt").read_text().splitlines()]


def test_the_folder(export, results, labels):
    path = export(results, "ctc", "01_RES", split=True)
    assert is_valid(path)
    assert lines(path) == [[1, 0, 2, 0], [2, 2, 5, 7], [3, 2, 5, 7], [7, 0, 1, 0], [8, 4, 5, 1]]
    assert sorted(item.name for item in path.iterdir())[:2] == ["mask000.tif", "mask001.tif"]
    expected = labels.copy()
    expected[4:][labels[4:] == 1] = 8
    masks = np.stack([tifffile.imread(path / f"mask{t:03}.tif") for t in range(6)])
    np.testing.assert_array_equal(masks, expected)
    assert masks.dtype == np.uint16


def test_gaps_are_refused_with_an_offer(export, results, tmp_path):
    with pytest.raises(ExportError, match="object 1 is absent in between; split such objects") as caught:
        export(results, "ctc", "01_RES")
    assert caught.value.offer == "split"
    assert list(tmp_path.iterdir()) == []


def test_a_mother_that_goes_on_as_one_of_her_daughters(export):
    labels = np.ones((4, 9, 9), np.uint8)
    labels[2:, 5:] = 2
    results = Results(labels, parents={2: (1,)})
    with pytest.raises(ExportError, match="object 1 goes on beside its own child") as caught:
        export(results, "ctc", "RES")
    assert caught.value.offer == "split"
    path = export(results, "ctc", "RES", split=True)
    assert lines(path) == [[1, 0, 1, 0], [2, 2, 3, 1], [3, 2, 3, 1]]
    assert is_valid(path)


def test_volumes(export):
    labels = np.zeros((2, 3, 8, 9), np.int32)
    labels[:, 1:, 2:4, 2:4] = 5
    path = export(Results(labels), "ctc", "RES")
    np.testing.assert_array_equal(tifffile.imread(path / "mask001.tif"), labels[1])
    assert is_valid(path)


def test_names_of_many_frames(export):
    path = export(Results(np.ones((1001, 2, 2), np.uint8)), "ctc", "RES")
    assert (path / "mask0000.tif").exists()
    assert (path / "mask1000.tif").exists()
    assert lines(path) == [[1, 0, 1000, 0]]


def test_large_numbers_are_renumbered_when_asked(export):
    labels = np.zeros((2, 5, 5), np.uint32)
    labels[:, 0], labels[:, 2] = 70_000, 4
    with pytest.raises(ExportError, match="numbers up to 65535, there is 70000; renumber") as caught:
        export(Results(labels), "ctc", "RES")
    assert caught.value.offer == "renumber"
    path = export(Results(labels), "ctc", "RES", renumber=True)
    assert lines(path) == [[1, 0, 1, 0], [2, 0, 1, 0]]
    mask = tifffile.imread(path / "mask001.tif")
    assert (mask[0] == 2).all()
    assert (mask[2] == 1).all()
    assert is_valid(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros((2, 4, 4), np.uint8)}, "cannot be empty"),
        ({"frame_axis": "Z"}, r"these are slices \(axis Z\); export OME-TIFF"),
        ({"parents": {3: (7, 1)}}, "one parent per track, object 3 has several; export GEFF"),
        ({"parents": {7: (2,)}}, "object 7 would begin before or together with the parent"),
    ],
)
def test_what_the_format_does_not_hold(export, results, tmp_path, change, message):
    from dataclasses import replace

    with pytest.raises(ExportError, match=message):
        export(replace(results, **({"channels": ()} | change)), "ctc", "RES", split=True)
    assert list(tmp_path.iterdir()) == []


def test_labels_that_change_while_they_are_written(tmp_path):
    labels = np.ones((3, 4, 4), np.uint8)

    def paint(done, total):
        if done == 3:
            labels[2, 0] = 9

    with pytest.raises(ExportError, match="have changed while they were written; export them again"):
        export_results(tmp_path / "RES", Results(labels), "ctc", progress=paint)
    assert list(tmp_path.iterdir()) == []


def test_only_our_own_folders_are_replaced(export, results, tmp_path):
    path = export(results, "ctc", "RES", split=True)
    export(Results(np.ones((2, 4, 4), np.uint8)), "ctc", "RES")
    assert sorted(item.name for item in path.iterdir()) == ["mask000.tif", "mask001.tif", "res_track.txt"]
    (path / "thesis.docx").touch()
    with pytest.raises(ExportError, match="holds other things"):
        export(results, "ctc", "RES", split=True)
    assert len(list(path.iterdir())) == 4
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="is a file; give the name of a new folder"):
        export_results(tmp_path / "file", results, "ctc", ExportOptions(split=True))


@settings(max_examples=25, deadline=None)
@given(
    presence=st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=4),
    parents=st.dictionaries(st.integers(1, 4), st.integers(1, 4), max_size=3),
)
def test_whatever_is_split_is_valid(tmp_path_factory, presence, parents):
    labels = np.zeros((5, 4, 4), np.uint16)
    for row, frames in enumerate(presence):
        labels[frames, row] = row + 1
    firsts = {item: int(np.flatnonzero((labels == item).any(axis=(1, 2)))[0]) for item in np.unique(labels) if item}
    lineage = {
        child: (parent,)
        for child, parent in parents.items()
        if child in firsts and parent in firsts and firsts[parent] < firsts[child]
    }
    if not firsts:
        return
    path = tmp_path_factory.mktemp("ctc") / "RES"
    export_results(path, Results(labels, parents=lineage), "ctc", ExportOptions(split=True))
    assert is_valid(path, empty_frames=True)
    children = {line[0]: line[3] for line in lines(path)}
    for child, (parent,) in lineage.items():
        assert children[child] != 0, f"{child} has lost its parent {parent}"
