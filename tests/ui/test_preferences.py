"""Every entry of the plugin's page in Preferences is read by what it is about."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from napari.settings import get_plugin_settings
from npe2 import PluginManifest

import napari_sam2
from napari_sam2.ui import preferences, settings
from napari_sam2.ui.backend import Sam2Backend

MANIFEST = Path(napari_sam2.__file__).with_name("napari.yaml")


@pytest.fixture
def preferred(plugin_settings, npe2pm):
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    return get_plugin_settings("napari-sam2").segmentation


def feature_cache_of_a_tracker() -> int:
    from napari_sam2.sam2 import PRESETS, Sam2

    tracker = Sam2Backend().tracker(Sam2(PRESETS["micro"]), np.zeros((2, 32, 32), np.uint8))
    return tracker.options.feature_cache_bytes


READ = {
    "device": ("cpu", lambda: settings.default_choice().device, "cpu"),
    "cache_folder": (" /models ", lambda: settings.default_choice().folder, "/models"),
    "mirror": (
        "https://a.example https://b.example",
        lambda: settings.default_choice().mirrors,
        ("https://a.example", "https://b.example"),
    ),
    "autosave": (False, lambda: settings.keep().seconds < 0, True),
    "autosave_seconds": (7, lambda: settings.keep().seconds, 7.0),
    "sessions_folder": (" /sessions", lambda: settings.keep().folder, "/sessions"),
    "frame_memory_mb": (100, preferences.frame_memory, 100 * 2**20),
    "masks_in_memory_gb": (2, preferences.largest_in_memory, 2 * 2**30),
    "masks_folder": ("/masks", preferences.masks_folder, Path("/masks")),
    "feature_memory_mb": (32, feature_cache_of_a_tracker, 32 * 2**20),
}
"""By entry: a value, what reads it, and what comes of it."""


@pytest.mark.parametrize("entry", READ)
def test_an_entry_is_read(preferred, entry):
    value, read, expected = READ[entry]
    assert read() != expected
    setattr(preferred, entry, value)
    assert read() == expected


def test_all_entries_are_covered(preferred):
    assert set(READ) == set(type(preferred).model_fields)


def test_where_napari_does_not_know_the_plugin_the_defaults_hold(plugin_settings):
    assert settings.default_choice().folder == ""
    assert preferences.feature_memory() == 256 * 2**20
    settings.prefer_folder("/models")
    settings.on_places_changed(lambda: None)()


def test_numbers_have_bounds():
    # napari shows a number without a largest value as 99.99 at most, and saves that.
    (page,) = yaml.safe_load(MANIFEST.read_text())["contributions"]["configurations"].values()
    numbers = {name: entry for name, entry in page["properties"].items() if entry["type"] in ("integer", "number")}
    assert len(numbers) >= 4
    for name, entry in numbers.items():
        assert entry["minimum"] <= entry["default"] <= entry["maximum"], name
