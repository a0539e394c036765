"""Films, read back with Pillow and tifffile."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence

from napari_sam2.export.calibration import Calibration
from napari_sam2.export.errors import ExportError
from napari_sam2.export.overlay import colour_of
from napari_sam2.export.results import Channel, Results


def near(pixels, colour) -> np.ndarray:
    return np.abs(pixels.astype(int) - colour).max(axis=-1) < 25


def test_gif(export, results):
    path = export(results, "gif", "cells.gif", frames_per_second=10)
    with Image.open(path) as film:
        assert film.n_frames == 6
        assert film.info["duration"] == 100
        assert film.info["loop"] == 0
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    # Pixels twice as high as wide are shown so; the film is enlarged to be seen.
    assert frames[0].shape == (120 * 2, 80 * 2, 3)
    places = [near(frame, colour_of(1)).sum() > 40 for frame in frames]
    assert places == [True, True, True, False, True, True]
    assert near(frames[0], colour_of(7)).sum() > 50
    assert not near(frames[0], colour_of(2)).any()


def test_tiff_with_channels_in_their_colours(export, labels):
    bright = np.full(labels.shape, 1000)
    channels = (
        Channel("a", bright, (1.0, 0.0, 0.0), (0, 1000)),
        Channel("b", bright, (0.0, 0.0, 1.0), (0, 2000)),
        Channel("c", bright * np.nan, (0.0, 1.0, 0.0), (0, 1000)),
    )
    path = export(Results(labels, channels=channels), "movie-tiff", "cells.tif")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.series[0].axes == "TYXS"
        film = tiff.asarray()
    assert film.shape == (6, 60 * 4, 80 * 4, 3)
    red, green, blue = film[0, 2, 2].tolist()
    assert (red, green) == (255, 0)
    assert 100 < blue < 200


def test_large_frames_are_made_smaller_and_an_image_is_not_needed(export):
    labels = np.zeros((1, 600, 2400), np.uint8)
    labels[0, 100:200, 100:300] = 3
    path = export(Results(labels), "movie-tiff", "a.tif")
    film = tifffile.imread(path)
    assert film.shape[-3:] == (300, 1200, 3)
    assert near(film.reshape(300, 1200, 3)[50], colour_of(3)).any()


def test_what_it_does_not_hold(export, results):
    with pytest.raises(ExportError, match="these are volumes"):
        export(Results(np.ones((2, 2, 3, 4), np.uint8)), "gif", "a.gif")
    with pytest.raises(ExportError, match="a GIF of 20000 frames cannot be shown; export a TIFF movie"):
        export(Results(np.broadcast_to(np.uint8(1), (20_000, 2, 2))), "gif", "a.gif")
    assert replace(results, calibration=Calibration()).pixel_size == (1.0, 1.0)
