"""The measuring of the bundled model: scores mean what they say, and the same scenes are measured every time."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "model"))

from evaluation import report
from evaluation.scores import Answer, clicked_answers, image_answers, tracked_answers
from evaluation.stacks import Stack, every, simulated

from napari_sam2.weights.load import load_model


def discs() -> Stack:
    """Two bright discs on noise that change places little by little; the second one leaves on the last frame."""
    y, x = np.mgrid[:160, :200]
    images = np.random.default_rng(0).normal(100, 4, (3, 160, 200))
    masks = np.zeros((3, 160, 200), np.int32)
    for t in range(3):
        for ident, (cy, cx) in ((4, (60, 50 + 3 * t)), (9, (100, 140))):
            if ident == 4 or t < 2:
                masks[t][(y - cy) ** 2 + (x - cx) ** 2 < 15**2] = ident
    images[masks > 0] += 150
    return Stack("discs", images.astype(np.float32), masks, [[4, 4, 4], [9, 9, 0]], (0, 1))


def answer(**more: object) -> Answer:
    plain = Answer(discs(), 0, 4, iou=0.9, predicted=0.8, score=3.0, there=True, diameter=20.0)
    return replace(plain, **more)


@pytest.fixture(scope="module")
def micro():
    return load_model("micro")


def test_plain_discs_are_found_with_one_click_or_box(micro) -> None:
    for prompt in ("click", "box"):
        found = image_answers(micro, discs(), prompt)
        assert [(a.frame, a.ident) for a in found] == [(0, 4), (0, 9), (1, 4), (1, 9)]
        assert min(a.iou for a in found) > 0.85
        assert all(abs(a.diameter - 30) < 1 for a in found)


def test_clicks_are_counted_until_the_mask_is_good(micro) -> None:
    stack = discs()
    assert [a.clicks for a in clicked_answers(micro, stack)] == [1, 1, 1, 1]
    # Of an object that is not what the picture shows, no number of clicks makes a good mask.
    stack.masks[0][stack.masks[0] == 4] = 0
    stack.masks[0, 45:75:2, 20:90] = 4
    worst = clicked_answers(micro, replace(stack, stills=(0,), tracks=[[4]]))[0]
    assert worst.clicks == 10
    assert worst.iou < 0.85


def test_tracking_counts_known_frames_and_absences(micro) -> None:
    found = tracked_answers(micro, discs(), "click")
    assert [(a.frame, a.ident, a.there) for a in found if a.frame == 2] == [(2, 4, True), (2, 0, False)]
    assert min(a.iou for a in found if a.there) > 0.8
    assert all(a.frame > 0 for a in tracked_answers(micro, discs(), "mask"))
    missed, imagined = report.presence(found).split(" | ")
    assert missed == "0 of 5"
    assert imagined.endswith("of 1")


def test_a_mask_on_another_object_is_a_switch_once() -> None:
    stack = discs()
    track = [answer(stack=stack, frame=t, track=0, taken=taken) for t, taken in enumerate((False, True, True, False))]
    assert report.switches(track) == 1
    again = [*track, answer(stack=stack, frame=4, track=0, taken=True), answer(stack=stack, frame=1, track=1)]
    assert report.switches(again) == 2


def test_calibration_is_the_distance_of_what_is_said_from_what_is() -> None:
    sure = [answer(predicted=0.95, iou=0.55) for _ in range(3)] + [answer(predicted=0.15, iou=0.15)]
    table, distance = report.calibration(sure)
    np.testing.assert_allclose(table, [[0.15, 0.15, 1], [0.95, 0.55, 3]])
    assert distance == pytest.approx(0.3)


def test_sizes_and_means_leave_absent_objects_out() -> None:
    some = [answer(iou=0.5), answer(iou=1.0, diameter=40.0), answer(iou=0.0, there=False, diameter=0.0)]
    assert report.figures(some) == "0.750 | 0.750 | 1.00 |  | 2"
    assert report.by_size(some) == ["", "0.500 (1)", "1.000 (1)", ""]
    assert report.clicks([answer(clicks=2), answer(clicks=10, iou=0.3)]) == "6.00 | 0.50 | 2"


def test_masks_that_are_too_large_are_seen_in_the_figures() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:10, :12] = True
    diameter = float(2 * np.sqrt(100 / np.pi))
    assert report.figures([answer(mask=mask, diameter=diameter)]).split(" | ")[3] == "1.20"


def test_simulated_scenes_are_the_same_every_time() -> None:
    first, again = simulated("organelles"), simulated("organelles")
    assert len(first) > 0
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        assert a.tracks == b.tracks
        for track in a.tracks:
            assert track[0] > 0
            for frame, ident in enumerate(track):
                assert ident == 0 or (a.masks[frame] == ident).any()


def test_recordings_without_their_folder_are_refused() -> None:
    with pytest.raises(ValueError, match="--data"):
        every(["HeLa"], None)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    stack = discs()
    some = [answer(stack=stack, mask=stack.masks[0] == 9, track=t, iou=t / 10) for t in range(3)]
    report.draw_worst(some, tmp_path / "worst.png")
    with Image.open(tmp_path / "worst.png") as sheet:
        picture = np.array(sheet)
    assert picture.shape == (report.TILE, report.TILE * report.COLUMNS, 3)
    assert (picture == (0, 255, 0)).all(-1).any()
    report.draw_calibration({"discs": some}, tmp_path / "calibration.png")
    with Image.open(tmp_path / "calibration.png") as drawn:
        assert drawn.size[0] > 300
