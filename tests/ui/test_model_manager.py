"""The model manager in a real window, driven by its buttons."""

import threading
from pathlib import Path

import pytest
from napari.settings import get_plugin_settings
from npe2 import PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QMessageBox, QProgressBar, QPushButton, QTableWidget

import napari_sam2
from napari_sam2.ui.widget import SegmentStackWidget
from napari_sam2.weights.recent import recent_checkpoints, remember_checkpoint

TINY = "sam2.1_hiera_tiny"
LEFT = Qt.MouseButton.LeftButton


class Desk:
    """The widget with its model manager open."""

    def __init__(self, viewer, qtbot, backend) -> None:
        self.qtbot = qtbot
        self.widget = SegmentStackWidget(viewer, backend=backend)
        viewer.window.add_dock_widget(self.widget, name="Segment stack")
        self.go_on = threading.Semaphore(0)
        self.widget.models.shelf.downloads._fetch = self.fetch
        self.press(self.widget, "manage")
        self.manager = self.widget.models.manager
        self.table = self.manager.findChild(QTableWidget, "model_table")
        self.cache = None

    def fetch(self, name, *, folder, mirrors, progress):
        for done in (10, 20):
            progress(done, 20)
            assert self.go_on.acquire(timeout=10)
        (self.cache / f"{name}.pt").write_bytes(b"x" * 20)

    def press(self, where, name) -> None:
        button = where.findChild(QPushButton, name)
        assert button.isEnabled(), name
        self.qtbot.mouseClick(button, LEFT)

    def enabled(self, name) -> bool:
        return self.manager.findChild(QPushButton, name).isEnabled()

    def row(self, text):
        (number,) = [n for n in range(self.table.rowCount()) if self.table.item(n, 0).text() == text]
        return number

    def select(self, text) -> None:
        item = self.table.item(self.row(text), 0)
        self.table.scrollToItem(item)
        self.qtbot.mouseClick(self.table.viewport(), LEFT, pos=self.table.visualItemRect(item).center())

    def state(self, text):
        bar = self.table.cellWidget(self.row(text), 4)
        return bar.text() if isinstance(bar, QProgressBar) else self.table.item(self.row(text), 4).text()

    def until(self, condition) -> None:
        self.qtbot.waitUntil(condition, timeout=10000)


@pytest.fixture
def desk(make_napari_viewer_proxy, qtbot, backend, cache, monkeypatch, plugin_settings, npe2pm):
    npe2pm.register(PluginManifest.from_file(Path(napari_sam2.__file__).with_name("napari.yaml")))
    monkeypatch.setattr("napari_sam2.weights.speed._timed", lambda *_: (0.5, 0.4))
    viewer = make_napari_viewer_proxy()
    desk = Desk(viewer, qtbot, backend)
    desk.cache = cache
    yield desk
    desk.go_on.release(100)


def test_the_computer_is_measured_when_the_manager_is_opened(desk):
    assert desk.table.rowCount() == 9
    desk.until(lambda: desk.table.item(desk.row("SAM 2.1 tiny"), 2).text() == "2 s + 4 s per object")
    desk.until(lambda: "estimate" in desk.manager.findChild(QLabel, "speed_note").text())
    assert str(desk.cache) in desk.manager.findChild(QLabel, "folder_note").text()


def test_download_cancel_go_on_use_delete(desk, monkeypatch):
    desk.select("SAM 2.1 tiny")
    assert not desk.enabled("use_model")
    desk.press(desk.manager, "download_model")
    desk.until(lambda: "MB" in desk.state("SAM 2.1 tiny"))
    assert not desk.enabled("download_model")
    assert not desk.enabled("delete_model")
    desk.press(desk.manager, "cancel_download")
    (desk.cache / f"{TINY}.pt.part").write_bytes(b"x" * 2_000_000)
    desk.go_on.release()
    desk.until(lambda: desk.state("SAM 2.1 tiny") == "2 MB of it are here")
    assert desk.manager.download.text() == "Go on downloading"
    desk.press(desk.manager, "download_model")
    desk.go_on.release(2)
    desk.until(lambda: desk.state("SAM 2.1 tiny") == "downloaded")
    combo = desk.widget.findChild(QComboBox, "model")
    assert combo.itemText(combo.findData(TINY)) == "SAM 2.1 tiny", "nothing is to be got any more"
    desk.press(desk.manager, "use_model")
    desk.until(lambda: combo.currentData() == TINY and desk.state("SAM 2.1 tiny") == "in use")
    assert desk.widget.controller.choice.model == TINY
    answers = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    desk.until(lambda: desk.enabled("delete_model"))
    desk.press(desk.manager, "delete_model")
    assert (desk.cache / f"{TINY}.pt").exists()
    desk.press(desk.manager, "delete_model")
    assert not list(desk.cache.iterdir())
    desk.until(lambda: "(get 156 MB)" in combo.itemText(combo.findData(TINY)))


def test_a_checkpoint_of_ones_own(desk, tmp_path, monkeypatch):
    file = tmp_path / "mine.pt"
    file.write_bytes(b"x")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    load = desk.widget.controller._backend.load

    def load_and_remember(choice, progress):
        remember_checkpoint(choice.model, TINY)
        return load(choice, progress)

    monkeypatch.setattr(desk.widget.controller._backend, "load", load_and_remember)
    desk.press(desk.manager, "open_checkpoint")
    desk.until(lambda: any(desk.table.item(n, 0).text() == "mine.pt" for n in range(desk.table.rowCount())))
    assert desk.state("mine.pt") == "in use"
    combo = desk.widget.findChild(QComboBox, "model")
    desk.until(lambda: combo.currentText() == "mine.pt  (SAM 2.1 tiny)")
    desk.select("mine.pt")
    assert desk.manager.delete.text() == "Remove from list"
    desk.press(desk.manager, "delete_model")
    assert recent_checkpoints() == []
    assert file.exists()


def test_another_folder(desk, tmp_path, monkeypatch):
    (tmp_path / f"{TINY}.pt").write_bytes(b"x" * 5_000_000)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    desk.press(desk.manager, "choose_folder")
    desk.until(lambda: desk.state("SAM 2.1 tiny") == "downloaded")
    assert desk.widget.controller.choice.folder == str(tmp_path)
    assert str(tmp_path) in desk.manager.findChild(QLabel, "folder_note").text()
    assert get_plugin_settings("napari-sam2").segmentation.cache_folder == str(tmp_path), "also after a restart"


def test_double_click_uses_what_is_here_and_gets_what_is_not(desk):
    def double_click(text):
        item = desk.table.item(desk.row(text), 0)
        at = desk.table.visualItemRect(item).center()
        desk.qtbot.mouseClick(desk.table.viewport(), LEFT, pos=at)
        desk.qtbot.mouseDClick(desk.table.viewport(), LEFT, pos=at)

    double_click("SAM 2.1 tiny")
    assert desk.widget.controller.choice.model == "micro"
    assert not desk.widget.models.awaited.model, "the manager gets it; the list of the widget chooses"
    desk.until(lambda: desk.widget.models.shelf.downloads.busy)


def test_closing_the_dock_stops_downloads_and_closes_the_manager(desk):
    desk.select("SAM 2.1 tiny")
    desk.press(desk.manager, "download_model")
    download = desk.widget.models.shelf.downloads.get(TINY)
    desk.widget.setParent(None)
    desk.widget.hide()
    desk.until(lambda: download.cancelling)
    assert not desk.manager.isVisible()


def test_the_preferences_are_followed_at_once_and_nothing_is_loaded_again(desk, backend, tmp_path):
    desk.widget.controller.loading.prepare()
    desk.until(lambda: desk.widget.controller.loading.ready)
    (tmp_path / f"{TINY}.pt").write_bytes(b"x")
    preferred = get_plugin_settings("napari-sam2").segmentation
    preferred.cache_folder = str(tmp_path)
    preferred.mirror = "https://a.example, https://b.example"
    desk.until(lambda: desk.state("SAM 2.1 tiny") == "downloaded")
    choice = desk.widget.controller.choice
    assert (choice.folder, choice.mirrors) == (str(tmp_path), ("https://a.example", "https://b.example"))
    assert desk.widget.controller.loading.ready
    desk.widget.controller.loading.prepare()
    desk.qtbot.wait(50)
    assert backend.count("load") == 1
    desk.widget._close_down()
    preferred.cache_folder = ""
    assert desk.widget.controller.choice.folder == str(tmp_path), "a closed widget hears no more of it"


def test_a_chosen_model_comes_while_clicks_are_answered(desk, stack, backend):
    desk.widget._viewer.add_image(stack)
    desk.until(lambda: desk.widget.controller.workspace is not None)
    combo, bar = desk.widget.findChild(QComboBox, "model"), desk.widget.findChild(QProgressBar, "progress")

    def choose() -> None:
        combo.setCurrentIndex(combo.findData(TINY))
        combo.activated.emit(combo.currentIndex())

    choose()
    assert combo.currentText() == "micro (bundled)", "in use until the other one is here"
    desk.until(lambda: bar.format() == "SAM 2.1 tiny: 0 of 0 MB")
    assert combo.itemText(combo.findData(TINY)) == "SAM 2.1 tiny  (0 of 0 MB)"
    desk.widget._viewer.layers["SAM 2 points"].add((0, 15, 20))
    desk.until(lambda: desk.widget._viewer.layers["SAM 2 objects"].data[0].any())
    assert desk.widget.models.awaited.model == TINY, "still on its way"
    desk.press(desk.widget, "cancel")
    desk.go_on.release()
    desk.until(lambda: not desk.widget.models.shelf.downloads.busy and bar.isHidden())
    choose()
    desk.go_on.release(2)
    desk.until(lambda: combo.currentData() == TINY and desk.widget.controller.loading.ready)
    assert combo.currentText() == "SAM 2.1 tiny"
    assert backend.count("load") == 2
