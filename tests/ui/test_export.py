"""Results out of the layers: what is exported, in the background, with questions, and by napari's own dialogues."""

import threading
from pathlib import Path

import numpy as np
import pandas
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Labels as LabelsLayer
from napari.layers._source import Source
from npe2 import PluginManifest
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QMessageBox, QProgressBar, QPushButton

import napari_sam2
from napari_sam2.export.errors import ExportError
from napari_sam2.export.results import ExportOptions, Results
from napari_sam2.result_sources import cut_of, session_results
from napari_sam2.session.scores import Score
from napari_sam2.ui.export_jobs import ExportJobs, Job
from napari_sam2.ui.export_source import part_text, workspace_results
from napari_sam2.ui.messages import Cancelled
from napari_sam2.ui.object_summary import TRACKS, ObjectSummary
from napari_sam2.ui.readers import get_reader, read_ctc_layers, read_session_layers
from napari_sam2.ui.widget import SegmentStackWidget
from napari_sam2.ui.writers import WriteError, results_of

SCALE = (2.0, 0.5, 0.25)
UNITS = ("second", "micrometer", "micrometer")


# What is exported ----------------------------------------------------------------------------------------------------


def test_a_session_gives_the_same_sizes_as_the_widget(open_session, stack, tmp_path):
    for number, axes in enumerate((("t", "y", "x"), ("z", "y", "x"))):
        units = UNITS if axes[0] == "t" else ("micrometer",) * 3
        place = {"scale": SCALE, "units": units, "translate": (10.0, 3.0, -4.0)}
        session = open_session(stack, axis_labels=axes, **place)
        session.labels[:, 10:14, 10:12] = 1
        session.click(0, 15, 20)
        session.settle()
        session.controller.save_session(tmp_path / f"{number}")
        session.loop.until(lambda session=session: not session.controller.keeping.busy)
        widget = workspace_results(session.controller.workspace, session.viewer, volumes=True)
        folder = session_results(tmp_path / f"{number}")
        assert (folder.axes, folder.calibration) == (widget.axes, widget.calibration)
        assert folder.calibration.origin == (3.0, -4.0)


def test_where_a_layer_lies_goes_along_and_what_cannot_is_said(open_session, stack):
    place = {"translate": (10.0, 3.0, -4.0), "units": UNITS, "scale": SCALE, "axis_labels": ("t", "y", "x")}
    session = open_session(stack, **place)
    session.labels[:, 10:14, 10:12] = 1
    found = workspace_results(session.controller.workspace, session.viewer, volumes=True).calibration
    assert (found.origin, found.frame_origin, found.turned) == ((3.0, -4.0), 10.0, False)
    again = results_of([session.viewer.layers["SAM 2 objects"].as_layer_data_tuple()], volumes=True).calibration
    assert again == found
    moved = np.eye(4)
    moved[1:3, 3], moved[1, 1] = (100, 200), 2
    for way, origin, size, turned in (
        ({"affine": moved}, (106.0, 196.0), (1.0, 0.25), False),
        ({"rotate": 30}, (3.0, -4.0), (0.5, 0.25), True),
        ({"shear": [0, 0, 0.3]}, (3.0, -4.0), (0.5, 0.25), True),
        ({"scale": (2.0, -0.5, 0.25)}, (3.0, -4.0), (0.5, 0.25), True),
    ):
        layer = LabelsLayer(np.ones((2, 8, 8), np.uint8), **{**place, **way})
        found = results_of([layer.as_layer_data_tuple()], volumes=True).calibration
        assert (found.origin, found.pixel_size, found.turned) == (origin, size, turned), way


def test_labels_sizes_channels_lineage_and_scores(open_session, stack):
    session = open_session(stack, scale=SCALE, units=UNITS, axis_labels=("t", "y", "x"), contrast_limits=(0, 200))
    session.viewer.add_image(stack // 2, name="actin", colormap="green")
    session.viewer.add_image(stack // 2, name="hidden", visible=False)
    session.labels[:2, 10:14, 10:12] = 1
    session.labels[2:, 10:14, 10:12] = 2
    document = session.document
    document.ensure([1, 2])
    document.rename(1, "mother")
    document.set_parents(2, [1])
    document.scores.put((), 3, {2: Score(4.0, 0.6, 8.0)})
    results = workspace_results(session.controller.workspace, session.viewer, volumes=True)
    assert results.axes == "TYX"
    np.testing.assert_array_equal(results.labels, session.labels)
    calibration = results.calibration
    assert (calibration.pixel_size, calibration.space_unit) == ((0.5, 0.25), "micrometer")
    assert (calibration.frame_step, calibration.frame_unit) == (2.0, "second")
    assert results.parents == {2: (1,)}
    assert results.names == {1: "mother"}
    assert results.scores == {(2, 3): pytest.approx(0.6)}
    assert [channel.name for channel in results.channels] == ["cells", "actin"]
    assert results.channels[0].limits == (0, 200)
    assert results.channels[1].colour == (0, 1, 0)
    assert results.title == "cells"


def test_time_and_depth(open_session):
    stack = np.zeros((3, 4, 20, 30), np.uint16)
    units = ("minute", "micrometer", "micrometer", "micrometer")
    session = open_session(stack, scale=(5, 2, 0.5, 0.5), units=units, axis_labels=("t", "z", "y", "x"))
    work = session.controller.workspace
    session.viewer.dims.set_current_step(1, 2)
    session.labels[:, 2, 3:6, 3:6] = 7
    session.labels[1, 1, 3:6, 3:6] = 8
    whole = workspace_results(work, session.viewer, volumes=True)
    assert whole.axes == "TZYX"
    assert whole.calibration.pixel_size == (2, 0.5, 0.5)
    assert (whole.calibration.frame_step, whole.calibration.frame_unit) == (5, "minute")
    np.testing.assert_array_equal(whole.frame(1), session.labels[1])
    assert whole.channels[0].frames[1].shape == (4, 20, 30)
    assert part_text(work, volumes=True) == ""
    assert part_text(work, volumes=False) == "z 2"
    plane = workspace_results(work, session.viewer, volumes=False)
    assert plane.axes == "TYX"
    np.testing.assert_array_equal(plane.labels, session.labels[:, 2])


def test_scores_of_other_planes_are_left_out_and_the_worst_stands_for_a_volume(open_session):
    session = open_session(np.zeros((3, 4, 20, 30), np.uint16), axis_labels=("t", "z", "y", "x"))
    work = session.controller.workspace
    session.viewer.dims.set_current_step(1, 2)
    for plane, score in ((1, 0.3), (2, 0.8)):
        session.document.scores.put((plane,), 1, {7: Score(1.0, score, 9.0)})
    assert workspace_results(work, session.viewer, volumes=False).scores == {(7, 1): pytest.approx(0.8)}
    assert workspace_results(work, session.viewer, volumes=True).scores == {(7, 1): pytest.approx(0.3)}


@pytest.mark.parametrize(
    ("shape", "labels", "units", "frame", "expected"),
    [
        ((5, 8, 9), "tyx", ("pixel",) * 3, 0, (0, None, "T")),
        ((5, 8, 9), "zyx", ("pixel",) * 3, 0, (0, None, "Z")),
        ((5, 8, 9), ("", "", ""), ("micrometer",) * 3, 0, (0, None, "Z")),
        ((5, 8, 9), ("", "", ""), ("second", "um", "um"), 0, (0, None, "T")),
        ((5, 8, 9), "zyx", ("pixel",) * 3, 1, (0, None, "Z")),
        ((3, 5, 8, 9), "tzyx", ("pixel",) * 4, 1, (0, 1, "T")),
        ((3, 5, 8, 9), "ztyx", ("pixel",) * 4, 1, (1, 0, "T")),
        ((3, 5, 8, 9), "ctyx", ("pixel",) * 4, 1, (1, None, "T")),
        ((8, 9), "yx", ("pixel",) * 2, None, (None, None, "T")),
    ],
)
def test_what_the_axes_are(shape, labels, units, frame, expected):
    cut = cut_of(shape, tuple(labels), units, frame, (0,) * len(shape), True)
    assert (cut.frame, cut.depth, cut.letter) == expected
    data = np.arange(np.prod(shape)).reshape(shape)
    seen = cut.of(data)
    assert len(seen.shape) == (4 if cut.depth is not None else 3)
    if labels == "ztyx":
        np.testing.assert_array_equal(seen[4], data[:, 4])


def test_rgb_is_three_channels(open_session):
    stack = np.random.default_rng(0).integers(0, 255, (3, 20, 30, 3), np.uint8)
    session = open_session(stack, rgb=True)
    channels = workspace_results(session.controller.workspace, session.viewer, volumes=True).channels
    assert [channel.name for channel in channels] == ["cells red", "cells green", "cells blue"]
    np.testing.assert_array_equal(channels[2].frames[1], stack[1, ..., 2])


# In the background ---------------------------------------------------------------------------------------------------


class Labels:
    """Labels whose frames are read when a test lets them, and note the thread."""

    shape, dtype = (4, 10, 10), np.dtype(np.uint8)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.threads = set()

    def __getitem__(self, index):
        self.threads.add(threading.current_thread())
        assert self.gate.wait(10)
        return np.full((10, 10), index + 1, np.uint8)


@pytest.fixture
def jobs(loop):
    jobs = ExportJobs(loop)
    yield jobs
    jobs.close()


def listen(jobs) -> list:
    told: list = []
    jobs.finished.connect(lambda job: told.append("finished"))
    jobs.failed.connect(told.append)
    jobs.refused.connect(lambda job, error: told.append((job, error)))
    return told


def test_exports_run_on_another_thread(jobs, loop, tmp_path):
    labels, told = Labels(), listen(jobs)
    jobs.start(Job(tmp_path / "a.csv", Results(labels), "csv", ExportOptions()))
    assert jobs.running is not None
    assert told == []
    labels.gate.set()
    loop.until(lambda: told)
    assert told == ["finished"]
    assert jobs.running is None
    assert threading.main_thread() not in labels.threads
    assert len(pandas.read_csv(tmp_path / "a.csv")) == 4


def test_stopping_leaves_nothing(jobs, loop, tmp_path):
    labels, told = Labels(), listen(jobs)
    jobs.start(Job(tmp_path / "a.ome.tif", Results(labels), "ome-tiff", ExportOptions()))
    jobs.cancel()
    labels.gate.set()
    loop.until(lambda: told)
    assert isinstance(told[0], Cancelled)
    assert list(tmp_path.iterdir()) == []
    jobs.start(Job(tmp_path / "b.csv", Results(labels), "csv", ExportOptions()))
    loop.until(lambda: len(told) == 2)
    assert told[1] == "finished", "the next one is not stopped"


def test_closing_stops_and_leaves_nothing(jobs, loop, tmp_path):
    labels, told = Labels(), listen(jobs)
    jobs.start(Job(tmp_path / "a.ome.tif", Results(labels), "ome-tiff", ExportOptions()))
    jobs.close()
    labels.gate.set()
    loop.until(lambda: told)
    assert isinstance(told[0], Cancelled)
    assert list(tmp_path.iterdir()) == []


def test_an_offer_is_taken(jobs, loop, tmp_path):
    labels = np.zeros((3, 5, 5), np.uint8)
    labels[[0, 2], 1] = 1
    told = listen(jobs)
    jobs.start(Job(tmp_path / "RES", Results(labels), "ctc", ExportOptions()))
    loop.until(lambda: told)
    ((job, error),) = told
    assert isinstance(error, ExportError)
    jobs.start(job.with_offer(error.offer))
    loop.until(lambda: len(told) == 2)
    assert (tmp_path / "RES" / "res_track.txt").read_text() == "1 0 0 0\n2 2 2 1\n"


# Features and tracks -------------------------------------------------------------------------------------------------


def test_a_propagation_fills_the_status_bar(session, loop):
    jobs = ExportJobs(loop)
    summary = ObjectSummary(session.viewer, session.controller, jobs, loop)
    session.click(0, 15, 20)
    session.propagate()
    layer = session.viewer.layers["SAM 2 objects"]
    loop.until(lambda: "area" in layer.features)
    row = layer.features.set_index("index").loc[1]
    assert (row["first_frame"], row["last_frame"], row["frames"]) == (0, 5, 6)
    assert row["area"] == pytest.approx(113, abs=1)
    assert "first_frame: 0" in layer.get_status((0, 15, 20), world=True)["value"]
    session.document.rename(1, "mother")
    session.loop.timers[-1]()
    loop.until(lambda: list(layer.features["name"]) == ["mother"])
    assert summary is not None, "signals do not keep their listeners"
    jobs.close()


def test_tracks_with_lineage(session, loop):
    jobs = ExportJobs(loop)
    summary = ObjectSummary(session.viewer, session.controller, jobs, loop)
    session.labels[:3, 10:14, 10:12] = 1
    session.labels[3:, 10:14, 10:12] = 2
    session.document.ensure([1, 2])
    session.document.set_parents(2, [1])
    for _ in range(2):
        summary.show_tracks()
        loop.until(lambda: TRACKS in session.viewer.layers)
        layer = session.viewer.layers[TRACKS]
        assert layer.graph == {2: [1]}
        np.testing.assert_array_equal(
            layer.data[:4], [[1, 0, 11.5, 10.5], [1, 1, 11.5, 10.5], [1, 2, 11.5, 10.5], [2, 3, 11.5, 10.5]]
        )
        assert session.viewer.layers.selection.active.name == "SAM 2 points", "the next click is a prompt"
    assert [layer.name for layer in session.viewer.layers].count(TRACKS) == 1
    jobs.close()


# The row in the widget -----------------------------------------------------------------------------------------------


@pytest.fixture
def bar(make_napari_viewer_proxy, qtbot, backend, stack, tmp_path, monkeypatch):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(stack, name="cells")
    widget = SegmentStackWidget(viewer, backend=backend)
    viewer.window.add_dock_widget(widget, name="Segment stack")
    widget.exports.told = told = []
    for level in ("info", "warning", "error"):
        monkeypatch.setattr(f"napari_sam2.ui.messages.notifications.show_{level}", told.append)
    widget.exports.labels = viewer.layers["SAM 2 objects"].data
    widget.exports.labels[[0, 1, 3], 10:14, 10:12] = 1
    return widget.exports


def choose(bar, name, path, monkeypatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path) if path else "", ""))
    action = bar.findChild(QAction, f"export_{name}")
    assert action is not None
    action.trigger()


def test_a_format_from_the_menu(bar, qtbot, tmp_path, monkeypatch):
    choose(bar, "ome-tiff", tmp_path / "cells", monkeypatch)
    qtbot.waitUntil(lambda: bool(bar.told))
    assert bar.told == [f"OME-TIFF, 6 frames: {tmp_path}/cells.ome.tif"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cells.ome.tif"), bar.labels)
    choose(bar, "csv", None, monkeypatch)
    assert bar.jobs.running is None


def test_the_place_that_is_proposed(bar, tmp_path, monkeypatch):
    proposed = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: proposed.append(args[2]) or ("", ""))
    bar.findChild(QAction, "export_ome-zarr").trigger()
    bar.findChild(QAction, "export_ctc").trigger()
    assert proposed == [str(Path.home() / "cells.ome.zarr"), str(Path.home() / "cells_RES")]


def test_the_image_is_neither_proposed_nor_replaced(bar, qtbot, tmp_path, monkeypatch):
    image = bar._controller.workspace.image
    tifffile.imwrite(tmp_path / "cells.tif", image.data)
    before = (tmp_path / "cells.tif").read_bytes()
    image.__wrapped__._source = Source(path=str(tmp_path / "cells.tif"))
    proposed = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: proposed.append(args[2]) or ("", ""))
    bar.findChild(QAction, "export_movie-tiff").trigger()
    bar.findChild(QAction, "export_csv").trigger()
    assert proposed == [str(tmp_path / "cells objects.tif"), str(tmp_path / "cells.csv")]
    choose(bar, "movie-tiff", tmp_path / "cells.tif", monkeypatch)
    qtbot.waitUntil(lambda: bool(bar.told))
    assert "is what is being exported or its image; give another name" in bar.told[0]
    assert (tmp_path / "cells.tif").read_bytes() == before


def test_an_existing_file_is_not_replaced_unasked(bar, qtbot, tmp_path, monkeypatch):
    (tmp_path / "cells.csv").write_text("mine")
    asked = []
    monkeypatch.setattr(
        QMessageBox, "question", lambda *args: asked.append(args[2]) or QMessageBox.StandardButton.Cancel
    )
    choose(bar, "csv", tmp_path / "cells", monkeypatch)
    assert asked == ["cells.csv exists. Replace it?"]
    assert (tmp_path / "cells.csv").read_text() == "mine"


def test_a_question_before_objects_are_split(bar, qtbot, tmp_path, monkeypatch):
    asked, answers = [], [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *args: asked.append(args[2]) or answers.pop(0))
    choose(bar, "ctc", tmp_path / "RES", monkeypatch)
    qtbot.waitUntil(lambda: len(asked) == 1)
    assert "object 1 is absent in between" in asked[0]
    assert not (tmp_path / "RES").exists()
    choose(bar, "ctc", tmp_path / "RES", monkeypatch)
    qtbot.waitUntil(lambda: bool(bar.told))
    assert (tmp_path / "RES" / "res_track.txt").read_text() == "1 0 1 0\n2 3 3 1\n"


def test_progress_and_stop(bar, qtbot, tmp_path, monkeypatch):
    gate = threading.Event()
    from napari_sam2.export import formats

    measure = formats.measure
    monkeypatch.setattr(formats, "measure", lambda *args, **options: (gate.wait(10), measure(*args, **options))[1])
    choose(bar, "csv", tmp_path / "a.csv", monkeypatch)
    progress, stop = bar.findChild(QProgressBar, "export_progress"), bar.findChild(QPushButton, "stop_export")
    assert not progress.isHidden()
    assert bar.findChild(QPushButton, "export").isHidden()
    assert "Table (CSV) 0 %" in progress.format()
    stop.click()
    gate.set()
    qtbot.waitUntil(lambda: bool(bar.told))
    assert bar.told == ["The export was stopped; nothing new was written."]
    assert not (tmp_path / "a.csv").exists()
    assert progress.isHidden()


def test_while_frames_come_nothing_is_exported(bar, tmp_path, monkeypatch):
    bar._controller.propagation.running = True
    choose(bar, "csv", tmp_path / "a.csv", monkeypatch)
    bar._controller.propagation.running = False
    assert bar.told == ["Frames are being segmented. Cancel, or wait for the end, to export."]
    assert bar.jobs.running is None


def test_what_cannot_be_written_is_said(bar, qtbot, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    choose(bar, "csv", tmp_path / "file" / "a.csv", monkeypatch)
    qtbot.waitUntil(lambda: len(bar.told) == 1)
    assert bar.told[0] == f"{tmp_path}/file/a.csv: {tmp_path}/file is a file and no folder; choose another folder"
    bar.labels[:] = 0
    choose(bar, "geff", tmp_path / "a.geff", monkeypatch)
    qtbot.waitUntil(lambda: len(bar.told) == 2)
    assert bar.told[1].startswith("No frame has an object")


# napari's own dialogues ----------------------------------------------------------------------------------------------


@pytest.fixture
def plugin(npe2pm):
    manifest = PluginManifest.from_file(Path(napari_sam2.__file__).with_name("napari.yaml"))
    npe2pm.register(manifest)
    return manifest


def test_every_writer_writes_what_the_dialogue_offers(plugin, tmp_path, stack):
    viewer = ViewerModel()
    labels = np.zeros(stack.shape, np.uint16)
    labels[:, 10:14, 10:12] = 1
    about = {"scale": SCALE, "units": UNITS, "axis_labels": ("t", "y", "x")}
    viewer.add_labels(labels, name="nuclei", **about)
    viewer.add_image(stack, name="DNA", **about)
    for writer in plugin.contributions.writers:
        for extension in writer.filename_extensions:
            path = tmp_path / f"{writer.command.split('_', 1)[1]}{extension}"
            assert viewer.layers.save(str(path), plugin="napari-sam2") == [str(path)]
            assert path.exists()
    table = pandas.read_csv(tmp_path / "csv.csv")
    assert table["area_µm2"][0] == 1
    assert table["time_s"].tolist() == [0, 2, 4, 6, 8, 10]
    assert "intensity_mean_DNA" in table
    alone = tmp_path / "alone.csv"
    viewer.layers.selection = {viewer.layers["nuclei"]}
    assert viewer.layers.save(str(alone), selected=True, plugin="napari-sam2") == [str(alone)]


def test_a_writer_says_what_can_be_done(plugin, tmp_path):
    labels = np.zeros((3, 5, 5), np.uint8)
    labels[[0, 2], 1] = 1
    viewer = ViewerModel()
    viewer.add_labels(labels)
    with pytest.raises(WriteError, match=r"absent in between.*\(Export… in the widget Segment stack offers it\)"):
        viewer.layers.save(str(tmp_path / "a.ctc"), plugin="napari-sam2")
    assert list(tmp_path.iterdir()) == []


def test_a_writer_says_that_it_takes_one_plane(plugin, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("napari_sam2.ui.writers.show_warning", told.append)
    viewer = ViewerModel()
    viewer.add_labels(np.ones((3, 4, 5, 6), np.uint8), axis_labels=("t", "z", "y", "x"))
    for name in ("a.ome.tif", "a.json"):
        viewer.layers.save(str(tmp_path / name), plugin="napari-sam2")
    (text,) = told
    assert text.startswith("COCO holds frames of one plane: only the first of 4 along z is written.")


def test_napari_s_dialogue_finds_names_and_lineage_where_nothing_was_propagated(session, open_session, stack, tmp_path):
    def found(desk):
        layer = desk.viewer.layers["SAM 2 objects"]
        desk.loop.until(lambda: "parents" in layer.features)
        results = results_of([layer.as_layer_data_tuple()], volumes=True)
        return results.names, results.parents

    jobs = ExportJobs(session.loop)
    summaries = [ObjectSummary(session.viewer, session.controller, jobs, session.loop)]
    session.labels[:3, 10:14, 10:12] = 1
    session.labels[3:, 10:14, 10:12] = 2
    session.document.ensure([1, 2])
    session.document.rename(1, "mother")
    session.document.set_parents(2, [1])
    session.loop.timers[-1]()
    assert found(session) == ({1: "mother"}, {2: (1,)})
    session.controller.save_session(tmp_path / "mine")
    session.loop.until(lambda: not session.controller.keeping.busy)
    other = open_session(stack)
    summaries.append(ObjectSummary(other.viewer, other.controller, jobs, other.loop))
    other.controller.open_session(tmp_path / "mine")
    assert found(other) == ({1: "mother"}, {2: (1,)})
    jobs.close()


def test_a_challenge_folder_opens_as_labels_and_tracks(plugin, tmp_path, monkeypatch):
    labels = np.zeros((4, 12, 12), np.uint16)
    labels[:2, 2:6, 2:6], labels[2:, 1:3, 2:6], labels[2:, 5:8, 2:6] = 1, 2, 3
    from napari_sam2.export.formats import export_results

    export_results(tmp_path / "01_RES", Results(labels, parents={2: (1,), 3: (1,)}), "ctc")
    truth = tmp_path / "01_GT" / "TRA"
    truth.mkdir(parents=True)
    for file in (tmp_path / "01_RES").iterdir():
        (truth / file.name.replace("mask", "man_track").replace("res_", "man_")).write_bytes(file.read_bytes())
    for path in ("01_RES", "01_RES/res_track.txt", "01_GT", "01_GT/TRA"):
        viewer = ViewerModel()
        viewer.open(tmp_path / path, plugin="napari-sam2")
        name = path.split("/")[0] if "TRA" not in path else "TRA"
        assert [layer.name for layer in viewer.layers] == [name, f"{name} tracks"]
        np.testing.assert_array_equal(np.asarray(viewer.layers[0].data), labels)
        assert viewer.layers[1].graph == {2: [1], 3: [1]}
        saved = results_of([viewer.layers[0].as_layer_data_tuple()], volumes=True)
        assert (saved.parents, saved.names) == ({2: (1,), 3: (1,)}, {})
    for neither in (tmp_path, tmp_path / "01_RES" / "mask000.tif"):
        assert get_reader(str(neither)) not in (read_ctc_layers, read_session_layers)
    (tmp_path / "01_RES" / "res_track.txt").write_text("1 0 1 2\n2 2 3 1\n")
    told = []
    monkeypatch.setattr("napari_sam2.ui.readers.notifications.show_warning", told.append)
    assert len(get_reader(str(tmp_path / "01_RES"))(str(tmp_path / "01_RES"))) == 2
    assert "without lineage: object 1 would begin before" in told[0]


def test_a_session_opens_as_layers_that_lie_on_its_image(plugin, open_session, stack, tmp_path):
    place = {"scale": SCALE, "units": UNITS, "translate": (10.0, 3.0, -4.0), "axis_labels": ("t", "y", "x")}
    session = open_session(stack, **place)
    session.click(0, 15, 20)
    session.propagate()
    session.controller.save_session(tmp_path / "mine.sam2")
    session.loop.until(lambda: not session.controller.keeping.busy)
    viewer = ViewerModel()
    image = viewer.add_image(stack, **place)
    for layer in viewer.open(tmp_path / "mine.sam2", plugin="napari-sam2"):
        np.testing.assert_allclose(layer.data_to_world((2, 7, 9)), image.data_to_world((2, 7, 9)))
        assert (layer.units, layer.axis_labels) == (image.units, image.axis_labels)


def test_layers_command_line_and_python_write_the_same(open_session, stack, tmp_path):
    """One stack with units and an image: the widget's results, the same from files, and by hand."""
    from napari_sam2.cli import main
    from napari_sam2.export.calibration import Calibration
    from napari_sam2.export.formats import export_results
    from napari_sam2.export.results import Channel

    session = open_session(stack, scale=SCALE, units=UNITS, axis_labels=("t", "y", "x"))
    session.labels[:, 10:14, 10:12] = 3
    session.labels[2:, 30:34, 10:12] = 4
    widget = workspace_results(session.controller.workspace, session.viewer, volumes=True)
    sizes = Calibration((0.5, 0.25), "micrometer", 2.0, "second")
    python = Results(session.labels, calibration=sizes, channels=(Channel("cells", stack),), title="labels")
    export_results(tmp_path / "labels.ome.tif", widget, "ome-tiff")
    tifffile.imwrite(tmp_path / "cells.tif", stack, photometric="minisblack")
    for name, suffix in (("csv", ".csv"), ("ctc", "")):
        export_results(tmp_path / f"widget{suffix}", widget, name)
        export_results(tmp_path / f"python{suffix}", python, name)
        arguments = ["export", str(tmp_path / "labels.ome.tif"), "--image", str(tmp_path / "cells.tif")]
        assert main([*arguments, "--format", name, "--output", str(tmp_path / f"shell{suffix}")]) == 0
        contents = {
            way: [file.read_bytes() for file in files_of(tmp_path / f"{way}{suffix}")]
            for way in ("widget", "python", "shell")
        }
        assert contents["widget"] == contents["python"] == contents["shell"]


def files_of(path) -> list:
    return sorted(path.iterdir()) if path.is_dir() else [path]
