"""Reading Cell Tracking Challenge folders, ours and those of others."""

import shutil

import numpy as np
import pytest
import tifffile

from napari_sam2.export.errors import ExportError
from napari_sam2.export.measure import measure
from napari_sam2.export.read_ctc import is_ctc, read_ctc
from napari_sam2.export.summary import track_rows


@pytest.fixture
def folder(export, results):
    return export(results, "ctc", "01_RES", split=True)


def test_what_was_written_is_read(folder, labels, tmp_path):
    assert is_ctc(folder)
    assert not is_ctc(tmp_path)
    again = read_ctc(folder)
    expected = labels.copy()
    expected[4:][labels[4:] == 1] = 8
    np.testing.assert_array_equal(np.asarray(again.labels), expected)
    assert again.parents == {2: (7,), 3: (7,), 8: (1,)}
    assert again.title == "01_RES"
    rows, graph, _ = track_rows(again, measure(again))
    assert graph == {2: [7], 3: [7], 8: [1]}
    assert len(rows) == 15


def test_truth_is_read_too(folder):
    for file in folder.glob("mask*.tif"):
        file.rename(file.with_name(file.name.replace("mask", "man_track")))
    (folder / "res_track.txt").rename(folder / "man_track.txt")
    assert read_ctc(folder).parents == {2: (7,), 3: (7,), 8: (1,)}


def test_frames_are_read_when_they_are_looked_at(folder):
    again = read_ctc(folder)
    (folder / "mask004.tif").write_bytes(b"no picture")
    assert np.asarray(again.labels[3]).max() == 3
    with pytest.raises(ExportError, match="is damaged or no TIFF"):
        np.asarray(again.labels[4])
    tifffile.imwrite(folder / "mask005.tif", np.zeros((3, 3), np.uint16))
    with pytest.raises(ExportError, match=r"shape \(3, 3\), expected shape \(60, 80\), as the first frame"):
        np.asarray(again.labels[5])


def test_what_cannot_be_read(folder, tmp_path):
    with pytest.raises(ExportError, match=r"no table of tracks \(res_track.txt or man_track.txt\)"):
        read_ctc(tmp_path)
    text = (folder / "res_track.txt").read_text()
    (folder / "res_track.txt").write_text(text + "\n9 0 one 0\n")
    with pytest.raises(ExportError, match="line 7 is '9 0 one 0', expected four whole numbers"):
        read_ctc(folder)
    (folder / "res_track.txt").write_text(text)
    (folder / "mask002.tif").unlink()
    with pytest.raises(ExportError, match="frame 2 is missing"):
        read_ctc(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "res_track.txt").touch()
    with pytest.raises(ExportError, match=r"masks \(mask000.tif, ...\) are missing"):
        read_ctc(folder)
