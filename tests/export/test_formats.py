"""What all exporters share: lazy reading, refusals, cancelling, and files that are whole or not there."""

import sys

import dask.array
import numpy as np
import pytest
import zarr

from napari_sam2.export.calibration import unit_name
from napari_sam2.export.errors import ExportError, some
from napari_sam2.export.formats import FORMATS, export_results
from napari_sam2.export.measure import measure
from napari_sam2.export.results import Channel, ExportOptions, Results
from napari_sam2.export.summary import features, track_rows

ALL = sorted(FORMATS)
SPLIT = ExportOptions(split=True)


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", ALL)
def test_a_cancelled_export_keeps_what_was_there(tmp_path, results, name):
    path = tmp_path / f"out{FORMATS[name].suffix}"
    export_results(path, Results(results.labels[:3]), name, SPLIT)
    before = contents(path)
    seen = []

    def progress(done, total):
        seen.append((done, total))
        if done > 8:  # in the second pass, while it is written
            raise Stop

    if name in ("csv", "geff"):  # written in one go after the first pass
        export_results(path, results, name, SPLIT, lambda *step: seen.append(step))
        assert contents(path) != before
        return
    with pytest.raises(Stop):
        export_results(path, results, name, SPLIT, progress)
    assert contents(path) == before
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert seen[0] == (1, 12)


@pytest.mark.parametrize("name", ALL)
def test_progress_ends_at_the_end(tmp_path, results, name):
    steps = []
    export_results(tmp_path / f"out{FORMATS[name].suffix}", results, name, SPLIT, lambda *step: steps.append(step))
    assert steps[-1] == (12, 12)
    assert [step[0] for step in steps] == sorted(step[0] for step in steps)


def contents(path):
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.mark.parametrize("name", ALL)
def test_lazy_arrays_are_read_frame_by_frame(tmp_path, labels, name):
    reads = []

    def block(block_info=None):
        (frame, _), *_ = block_info[None]["array-location"]
        reads.append(frame)
        return labels[frame : frame + 1]

    lazy = dask.array.map_blocks(block, chunks=((1,) * 6, 60, 80), dtype=labels.dtype)
    whole, pieces = tmp_path / f"whole{FORMATS[name].suffix}", tmp_path / f"pieces{FORMATS[name].suffix}"
    export_results(pieces, Results(lazy), name, SPLIT)
    assert max(reads.count(frame) for frame in range(6)) <= 2, "one pass to look, one to write"
    export_results(whole, Results(zarr.array(labels, chunks=(1, 60, 80))), name, SPLIT)
    if name != "ome-tiff":  # has an identifier of its own
        assert contents(whole).keys() == contents(pieces).keys()


def test_what_is_no_result(labels):
    for array, message in (
        (labels[0], r"shape \(60, 80\), expected \(frames, y, x\)"),
        (labels.astype(float), "type float64, expected whole numbers; convert them"),
        (labels[:0], r"no pixels \(shape \(0, 60, 80\)\)"),
    ):
        with pytest.raises(ExportError, match=message):
            Results(array)
    with pytest.raises(ExportError, match=r"the image GFP has shape \(2, 60, 80\), the labels have \(6, 60, 80\)"):
        Results(labels, channels=(Channel("GFP", labels[:2]),))
    with pytest.raises(ExportError, match="must be T, not Z"):
        Results(labels[None], "Z")
    with pytest.raises(ExportError, match="the label -3 in frame 1"):
        measure(Results(np.stack([labels[0].astype(int), labels[0].astype(int) - 3])))
    assert measure(Results(labels > 0)).ids == [1]


def test_names_of_files(tmp_path, results):
    with pytest.raises(ExportError, match="there is no format 'mp4'; there are ome-tiff"):
        export_results(tmp_path / "a.mp4", results, "mp4")
    with pytest.raises(ExportError, match="written to a name that ends in"):
        export_results(tmp_path / "a.mov", results, "gif")
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ExportError, match="is a folder; give the name of a file"):
        export_results(tmp_path / "a.csv", results, "csv")


@pytest.mark.parametrize(("name", "module"), [("geff", "geff"), ("imagej", "roifile"), ("coco", "pycocotools.mask")])
def test_a_missing_library_is_named(tmp_path, results, monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ExportError, match=r'pip install "napari-sam2\[formats\]"'):
        export_results(tmp_path / f"a{FORMATS[name].suffix}", results, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("µm", "micrometer"),
        ("um", "micrometer"),
        ("Microns", "micrometer"),
        ("micrometre", "micrometer"),
        ("nm", "nanometer"),
        ("mm", "millimeter"),
        ("s", "second"),
        ("ms", "millisecond"),
        ("minutes", "minute"),
        ("min", "minute"),
        ("pixel", None),
        ("", None),
        (None, None),
        ("furlong", None),
    ],
)
def test_units_under_one_name(written, name):
    assert unit_name(written) == name


def test_lists_stay_short():
    assert some([3]) == "object 3"
    assert some([3, 5]) == "objects 3 and 5"
    assert some(range(1, 45)) == "objects 1, 2, 3 and 41 more"


def test_features(results):
    table = features(results, measure(results))
    assert table["index"] == [1, 2, 3, 7]
    assert table["name"] == ["object 1", "object 2", "object 3", "mother"]
    assert table["area"] == [100, 50, 50, 188]
    assert table["area_µm2"] == [12.5, 6.25, 6.25, 23.5]
    assert (table["first_frame"], table["last_frame"], table["frames"]) == ([0, 2, 2, 0], [5, 5, 5, 1], [5, 4, 4, 2])
    assert table["lowest_score"][:2] == [0.4, 0.75]
    assert np.isnan(table["lowest_score"][2:]).all()
    assert table["parents"] == ["", "7", "7", ""]


def test_tracks_are_taken_by_napari(results):
    from napari.layers import Tracks

    rows, graph, properties = track_rows(results, measure(results))
    layer = Tracks(rows, graph=graph, features=properties)
    assert layer.graph == {2: [7], 3: [7]}
    np.testing.assert_allclose(
        layer.data[layer.data[:, 0] == 1][:, 1:3], [[0, 14.5], [1, 15.5], [2, 16.5], [4, 18.5], [5, 19.5]]
    )
    assert len(layer.data) == 15
