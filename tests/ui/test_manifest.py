"""The plugin as napari sees it: manifest, menus, settings, and how little is imported before the first use."""

import subprocess
import sys
from pathlib import Path

import npe2
import numpy as np
import pytest
import tifffile
import zarr
from napari.utils.shortcuts import default_shortcuts
from napari_builtins.io import napari_get_reader
from npe2 import PluginManifest
from qtpy.QtCore import Qt

import napari_sam2
from napari_sam2.ui.backend import ModelChoice
from napari_sam2.ui.keys import REVIEW_SHORTCUTS, SHORTCUTS
from napari_sam2.ui.readers import get_reader
from napari_sam2.ui.settings import default_choice
from napari_sam2.ui.widget import SegmentStackWidget

MANIFEST = Path(napari_sam2.__file__).with_name("napari.yaml")


@pytest.fixture
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


def test_the_manifest_is_valid_and_its_commands_exist(manifest):
    manifest.validate_imports()
    assert manifest.name == "napari-sam2"
    assert {str(category) for category in manifest.categories} == {"Segmentation", "Annotation"}
    for command in manifest.contributions.commands:
        assert command.id.startswith("napari-sam2.")


def test_the_manifest_beside_the_sources_is_the_same_file():
    link = Path(__file__).parents[2] / "napari.yaml"
    # Where a system has no links, git leaves the path in their place.
    assert link.read_text() in (MANIFEST.read_text(), "src/napari_sam2/napari.yaml")


def test_the_widget_opens_from_the_plugin_menu(make_napari_viewer_proxy, npe2pm, manifest):
    npe2pm.register(manifest)
    viewer = make_napari_viewer_proxy()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment stack")
    assert isinstance(widget, SegmentStackWidget)
    segment, track = (
        [item.command for item in npe2pm.iter_menu(f"napari/layers/{menu}")] for menu in ("segment", "track")
    )
    assert segment == [f"napari-sam2.{name}" for name in ("segment_stack", "save_session", "open_session")]
    assert track == ["napari-sam2.segment_stack", "napari-sam2.review"]


def test_the_review_opens_from_the_plugin_menu_under_the_image(make_napari_viewer_proxy, npe2pm, manifest, qtbot):
    npe2pm.register(manifest)
    viewer = make_napari_viewer_proxy(show=True)
    viewer.add_image(np.zeros((4, 20, 20)))
    dock, review = viewer.window.add_plugin_dock_widget("napari-sam2", "Review")
    window, below = review.window(), Qt.DockWidgetArea.BottomDockWidgetArea
    qtbot.waitUntil(lambda: window.dockWidgetArea(dock) == below)
    qtbot.waitUntil(lambda: 0 < review.height() < 250)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment stack")
    assert widget.review.open() is review
    assert review.model.work is widget.controller.workspace
    viewer.window.remove_dock_widget(review)
    qtbot.wait(50)
    other = widget.review.open()
    _, again = viewer.window.add_plugin_dock_widget("napari-sam2", "Review")
    qtbot.wait(50)
    assert (review.open, other.open, again.open) == (False, False, True)


def test_the_preferences_are_the_defaults_of_the_widget(plugin_settings, npe2pm, manifest, tmp_path):
    from napari.settings import get_plugin_settings

    assert default_choice() == ModelChoice("micro", "auto", "")
    npe2pm.register(manifest)
    assert default_choice() == ModelChoice("micro", "auto", "")
    preferred = get_plugin_settings("napari-sam2").segmentation
    preferred.device = "cpu"
    preferred.cache_folder = f"  {tmp_path} "
    assert default_choice() == ModelChoice("micro", "cpu")
    assert default_choice().folder == str(tmp_path)


def test_the_keys_are_free_in_napari():
    used = {str(binding) for bindings in default_shortcuts.values() for binding in bindings}
    assert len(used) > 50
    ours = [shortcut.key.replace("-", "+") for shortcut in (*SHORTCUTS, *REVIEW_SHORTCUTS)]
    assert not set(ours) & used
    assert len(set(ours)) == len(ours)


def test_importing_the_widget_imports_no_torch():
    code = "import sys, napari_sam2.ui.widget; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_controller_imports_torch_with_the_first_click_on_the_other_thread():
    code = """
import sys, threading
import npe2
import numpy as np
from napari.components import ViewerModel
from napari_sam2.ui.backend import ModelChoice
from napari_sam2.ui.controller import Controller

class Loop:
    def post(self, call): pass
    def later(self, seconds, call): pass

viewer = ViewerModel()
viewer.add_image(np.zeros((3, 20, 20)))
control = Controller(viewer, Loop(), choice=ModelChoice("nothing.pt"), tell=print)
print("torch" in sys.modules)
viewer.layers["SAM 2 points"].add([0, 5, 5])
control.thread._executor.shutdown()
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_list_of_keys_names_every_key():
    rows = (Path(__file__).parents[2] / "docs" / "keys.md").read_text().splitlines()
    keys = {key.strip() for row in rows if row.startswith("|") for key in row.split("|")[1].split(",")}
    assert {shortcut.key for shortcut in SHORTCUTS} <= keys
    for shortcut in REVIEW_SHORTCUTS:
        assert any(row.startswith(f"| {shortcut.key} |") for row in rows)


def test_napari_asks_us_about_our_names_and_about_folders(npe2pm, manifest, tmp_path):
    npe2pm.register(manifest)
    for name in ("mysession.json", "notes.txt", "a.tif", "my_res_track.txt"):
        assert list(npe2pm.iter_compatible_readers([str(tmp_path / name)])) == [], name
    # The last one is no file: the Preferences look like this for readers that may be chosen for "*.sam2/".
    for name in ("session.json", "res_track.txt", "man_track.txt", "", "*.sam2/"):
        readers = list(npe2pm.iter_compatible_readers([str(tmp_path / name) if "*" not in name else name]))
        assert [reader.command for reader in readers] == ["napari-sam2.read"], name


def test_a_folder_of_others_is_known_by_the_names_in_it_and_left_to_napari(tmp_path, monkeypatch):
    (tmp_path / "tiffs").mkdir()
    (tmp_path / "tiffs" / "mask000.tif").write_bytes(b"")
    zarr.create_array(tmp_path / "foreign.zarr", shape=(2, 8, 8), dtype="u1")
    (tmp_path / "other.json").mkdir()
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "session.json").write_text('{"format": "of another program"}')
    (tmp_path / "res_track.txt").write_text("")
    looked = []
    monkeypatch.setattr(Path, "iterdir", lambda path: looked.append(path))
    monkeypatch.setattr("napari_sam2.result_sources.open_folder", looked.append)
    for name in ("tiffs", "foreign.zarr", "other.json", "program"):
        assert get_reader(str(tmp_path / name)) is napari_get_reader(str(tmp_path / name)), name
    for name in ("foreign.zarr/zarr.json", "program/session.json"):
        assert get_reader(str(tmp_path / name)) is None, name
    assert get_reader(["a", "b"]) is None
    assert looked == []


def test_a_quick_ok_in_the_dialogue_opens_images_as_ever(npe2pm, manifest, tmp_path):
    """There, our reader may stand chosen for every folder."""
    npe2pm.register(manifest)
    pixels = np.arange(2 * 8 * 8, dtype="u1").reshape(2, 8, 8)
    zarr.create_array(tmp_path / "a.zarr", data=pixels)
    (tmp_path / "tiffs").mkdir()
    for number, plane in enumerate(pixels):
        tifffile.imwrite(tmp_path / "tiffs" / f"{number}.tif", plane)
    for name in ("a.zarr", "tiffs"):
        ((data, *_),) = npe2.read([str(tmp_path / name)], stack=False, plugin_name="napari-sam2")
        np.testing.assert_array_equal(np.asarray(data), pixels)
