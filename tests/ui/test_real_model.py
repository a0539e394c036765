"""The controller with the bundled model and the tracker of this package."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

import napari_sam2 as ns
from napari_sam2.api import segment_stack
from napari_sam2.cli import main
from napari_sam2.session.prompts import write_prompts
from napari_sam2.tracking import TrackerOptions
from napari_sam2.ui.backend import ModelChoice, Sam2Backend
from napari_sam2.ui.controller import Controller


def blobs(frames: int) -> np.ndarray:
    """(frames, 96, 120) uint16: two soft-edged bright blobs of radius 9 that move by (1, 2) per frame, with noise."""
    rows, columns = np.ogrid[:96, :120]
    stack = np.random.default_rng(0).normal(1000, 40, (frames, 96, 120))
    for frame in range(frames):
        for y, x in ((30, 35), (65, 80)):
            distance = np.hypot(rows - y - frame, columns - x - 2 * frame)
            stack[frame] += 1500 / (1 + np.exp(distance - 9))
    return stack.astype(np.uint16)


def overlap(mask: np.ndarray, frame: int, which: int) -> float:
    """IoU of a mask with one of the blobs."""
    y, x = ((30, 35), (65, 80))[which]
    rows, columns = np.ogrid[:96, :120]
    truth = np.hypot(rows - y - frame, columns - x - 2 * frame) <= 9
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.fixture
def real(open_session, loop):
    session = open_session()
    session.controller.close()
    session.viewer.add_image(blobs(4), name="blobs", scale=(1, 0.3, 0.3))
    session.controller = Controller(session.viewer, loop, Sam2Backend(), ModelChoice("micro", "cpu"), tell=session.tell)
    return session


def settle(session) -> None:
    control = session.controller
    session.loop.until(
        lambda: not (control.previews.waiting or control.propagation.running or control.loading.busy), seconds=120
    )


def test_two_clicked_blobs_are_found_in_all_frames_and_corrected(real):
    real.click(1, 31, 37)
    settle(real)
    assert overlap(real.labels[1] == 1, 1, 0) > 0.6
    real.controller.new_object()
    real.click(2, 67, 84)
    settle(real)
    results = []
    real.controller.propagation.advanced.connect(lambda route, result: results.append(result.frame))
    real.controller.propagate("both", 0, 3)
    settle(real)
    assert real.told == []
    assert len(results) == real.controller.propagation.total
    for frame in range(4):
        assert overlap(real.labels[frame] == 1, frame, 0) > 0.6
        assert overlap(real.labels[frame] == 2, frame, 1) > 0.6
    before = real.labels[3].copy()
    real.controller.set_positive(False)
    real.click(3, 68, 92)
    settle(real)
    assert (real.labels[3] == 2).sum() < (before == 2).sum()
    np.testing.assert_array_equal(real.labels[3] == 1, before == 1)
    real.viewer.layers["SAM 2 points"].remove([2])
    settle(real)
    np.testing.assert_array_equal(real.labels[3], before)


def test_the_saved_session_gives_the_same_masks_from_python_and_the_command_line(real, tmp_path):
    """Clicks in another order than by object and frame, a correction, an accepted frame: all of it is in the folder."""
    control = real.controller
    real.click(2, 67, 84)
    settle(real)
    control.new_object()
    real.click(1, 31, 37)
    settle(real)
    control.propagate("both", 0, 3)
    settle(real)
    control.set_positive(False)
    real.click(3, 33, 47)
    settle(real)
    real.viewer.dims.set_current_step(0, 0)
    real.document.lock(1, 0)
    control.propagate("both", 0, 3)
    settle(real)
    control.save_session(tmp_path / "mine")
    real.loop.until(lambda: not control.keeping.busy, seconds=60)
    control.propagate_anew()
    settle(real)
    again = ns.segment_stack(blobs(4), tmp_path / "mine", model=ns.load_model("micro", device="cpu"))
    np.testing.assert_array_equal(again, real.labels)
    assert real.labels.any(axis=(1, 2)).all()
    tifffile.imwrite(tmp_path / "stack.tif", blobs(4), photometric="minisblack", metadata={"axes": "TYX"})
    arguments = ["segment", str(tmp_path / "stack.tif"), "--prompts", str(tmp_path / "mine"), "--device", "cpu"]
    assert main([*arguments, "--output", str(tmp_path / "labels.tif")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "labels.tif"), real.labels)


def test_the_other_mask_of_a_click_and_a_lasso_are_replayed_from_the_file(real, tmp_path):
    real.viewer.dims.set_current_step(0, 1)
    real.click(1, 31, 37)
    settle(real)
    best = real.labels[1] == 1
    # The click is clear, so no other mask is offered; there are some all the same.
    assert real.controller.prompting.readings.place is None
    real.document.set_prompt(1, replace(real.document.prompt((), 1, 1), candidate=1))
    settle(real)
    assert not np.array_equal(real.labels[1] == 1, best)
    real.controller.new_object()
    real.viewer.layers["SAM 2 boxes"].add_polygons([[1, 56, 72], [1, 56, 92], [1, 76, 92], [1, 76, 72]])
    settle(real)
    real.controller.propagate("both", 0, 3)
    settle(real)
    write_prompts(tmp_path / "prompts.json", real.document.to_prompts())
    layer = real.viewer.layers["blobs"]
    as_shown = TrackerOptions(contrast_limits=tuple(layer.contrast_limits))
    prompts = tmp_path / "prompts.json"
    again = segment_stack(layer.data, prompts, model="micro", device="cpu", options=as_shown)
    np.testing.assert_array_equal(again, real.labels)
    assert (real.labels[1] == 2).sum() == 21 * 21


def test_all_blobs_are_proposed_accepted_and_followed(real):
    real.viewer.dims.set_current_step(0, 0)
    real.controller.segment_frame()
    settle(real)
    real.loop.until(lambda: not real.controller.prompting.proposals.running, seconds=120)
    assert real.controller.prompting.proposals.count == 2
    real.controller.prompting.proposals.accept_all()
    settle(real)
    real.controller.propagate("both", 0, 3)
    settle(real)
    for frame in range(4):
        found = [max(overlap(real.labels[frame] == i, frame, which) for i in (1, 2)) for which in (0, 1)]
        assert min(found) > 0.6
    assert real.told == []
