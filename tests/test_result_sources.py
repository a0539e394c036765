"""Session folders as results to export."""

from pathlib import Path

import geff
import numpy as np
import pandas
import pytest
import tifffile

from napari_sam2.cli import main
from napari_sam2.result_sources import is_session, session_results
from napari_sam2.session.document import Document
from napari_sam2.session.folder import save_folder, snapshot
from napari_sam2.session.folder_format import ImageEntry
from napari_sam2.session.scores import Score


def saved(path: Path, labels: np.ndarray, image: str, plane: tuple[int, ...] = ()) -> Document:
    """A session with a mother that divides, saved."""
    document = Document()
    document.ensure([2, 3])
    document.rename(1, "mother")
    document.set_parents(2, [1])
    document.set_parents(3, [1])
    document.scores.put(plane, 1, {1: Score(2.0, 0.75, 9.0)})
    entry = ImageEntry(name="cells", path=image, shape=list(labels.shape), dtype="uint16", frame_axis=0)
    frames = [(plane, frame, labels[(frame, *plane)]) for frame in range(len(labels))]
    shape = labels.shape
    save_folder(path, snapshot(document, lambda: entry, "micro"), frames, shape, labels.dtype, lambda p, f: (f, *p))
    return document


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((4, 20, 30), np.uint16)
    labels[:2, 5:8, 5:8] = 1
    labels[2:, 5:8, 3:6], labels[2:, 5:8, 8:11] = 2, 3
    return labels


def test_a_session(tmp_path: Path, labels: np.ndarray) -> None:
    about = {"axes": "TYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
    about |= {"PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
    tifffile.imwrite(tmp_path / "cells.tif", labels, ome=True, metadata=about, photometric="minisblack")
    saved(tmp_path / "mine.sam2", labels, str(tmp_path / "cells.tif"))
    assert is_session(tmp_path / "mine.sam2")
    assert not is_session(tmp_path)
    results = session_results(tmp_path / "mine.sam2")
    np.testing.assert_array_equal(np.stack([results.frame(index) for index in range(4)]), labels)
    assert results.parents == {2: (1,), 3: (1,)}
    assert results.names == {1: "mother"}
    assert results.scores == {(1, 1): 0.75}
    assert results.calibration.pixel_size == (0.5, 0.5)


def test_volumes(tmp_path: Path, labels: np.ndarray) -> None:
    deep = np.zeros((4, 3, 20, 30), np.uint16)
    deep[:, 1] = labels
    saved(tmp_path / "s", deep, "/gone.tif", plane=(1,))
    results = session_results(tmp_path / "s")
    assert results.axes == "TZYX"
    np.testing.assert_array_equal(results.frame(2), deep[2])
    assert results.scores == {(1, 1): 0.75}


def test_on_the_command_line(tmp_path: Path, labels: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path / "s", labels, "")
    assert main(["export", str(tmp_path / "s"), "--format", "geff", "--output", f"{tmp_path}/a.geff"]) == 0
    graph, _ = geff.read(tmp_path / "a.geff")
    assert sum(graph.out_degree(node) == 2 for node in graph) == 1
    assert main(["export", str(tmp_path / "s"), "--format", "csv", "--output", f"{tmp_path}/a.csv"]) == 0
    table = pandas.read_csv(tmp_path / "a.csv")
    assert table["name"][0] == "mother"
    assert table["score"][1] == 0.75
    capsys.readouterr()
    (tmp_path / "s" / "session.json").write_text("{")
    assert main(["export", str(tmp_path / "s"), "--format", "csv", "--output", f"{tmp_path}/a.csv"]) == 2
    assert "session.json: is damaged" in capsys.readouterr().err


def test_napari_opens_it(tmp_path: Path, labels: np.ndarray) -> None:
    from napari.layers import Layer

    from napari_sam2.ui.readers import get_reader

    saved(tmp_path / "s", labels, "")
    for path in (tmp_path / "s", tmp_path / "s" / "session.json"):
        reader = get_reader(str(path))
        assert reader is not None
        layer, tracks = (Layer.create(*item) for item in reader(str(path)))
        assert (layer.name, tracks.name) == ("cells", "cells tracks")
        np.testing.assert_array_equal(np.asarray(layer.data), labels)
        assert layer.data[3, 6, 9].compute() == 3
        assert tracks.graph == {2: [1], 3: [1]}
