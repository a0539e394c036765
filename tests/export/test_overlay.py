"""The picture over time: objects are coloured where they are, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_sam2.export.overlay import Layout, colour_of, draw_overlay, spread_frames


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def colourfulness(pixels: np.ndarray) -> np.ndarray:
    return pixels.max(axis=-1) - pixels.min(axis=-1)


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((3, 40, 60), np.uint16)
    labels[0, 10:20, 10:20] = 1
    labels[2, 10:20, 40:50] = 1
    return labels


def test_objects_are_coloured_in_their_own_frames(tmp_path: Path, labels: np.ndarray) -> None:
    stack = np.random.default_rng(0).integers(0, 1000, labels.shape, np.uint16)
    draw_overlay(tmp_path / "o.png", stack, labels, Layout([0, 1], 2, width=2 * 240 + 36))
    panels = picture(tmp_path / "o.png")[42:202]
    first, second = panels[:, 12:252], panels[:, 264:504]
    scale = 4
    outlined = first[10 * scale + 1, 10 * scale : 20 * scale]
    assert (outlined == colour_of(1)).all(axis=-1).mean() > 0.9
    inside = first[18 * scale, 11 * scale + 2 : 14 * scale]
    assert (colourfulness(inside) > 10).all()
    outside = first[22 * scale :]
    assert colourfulness(outside).max() <= 6
    assert colourfulness(second[:, 15 * scale :]).max() <= 6, "the object is not in the second frame"


def test_a_trail_leads_to_where_the_object_is(tmp_path: Path, labels: np.ndarray) -> None:
    stack = np.zeros((*labels.shape, 3), np.uint8)
    draw_overlay(tmp_path / "o.png", stack, labels, Layout([2], 1, width=264), title="one", clicks={2: [(35.0, 5.0)]})
    panel = picture(tmp_path / "o.png")[86:246, 12:252]
    along = panel[15 * 4, 20 * 4 : 39 * 4]
    assert (along == colour_of(1)).all(axis=-1).all()
    assert (panel[35 * 4 + 2, 5 * 4 + 2] == 255).all(), "the click is marked"


def test_wide_labels_and_frames(tmp_path: Path) -> None:
    labels = np.full((1, 8, 8), 2**31, np.uint32)
    labels[0, :4] = 0
    draw_overlay(tmp_path / "o.png", labels.astype(np.float32), labels, Layout([0], 1, width=64))
    assert (picture(tmp_path / "o.png") == colour_of(2**31)).all(axis=-1).any()
    assert spread_frames(20, 5) == [0, 5, 10, 14, 19]
    assert spread_frames(3, 5) == [0, 1, 2]
    assert spread_frames(1, 5) == [0]
    assert len({colour_of(identity) for identity in range(1, 40)}) == 39
