"""Carrying objects through the frames, on a viewer model."""

import numpy as np
import pytest


def test_propagation_fills_every_frame(session, disc):
    session.click(2, 17, 24)
    session.controller.new_object()
    session.click(4, 44, 58)
    session.propagate()
    expected = np.stack([1 * disc(frame) + 2 * disc(frame, 1) for frame in range(6)])
    np.testing.assert_array_equal(session.labels, expected)
    assert session.told == []


@pytest.mark.parametrize(
    ("direction", "first", "last", "filled"),
    [("forward", 0, 5, {2, 3, 4, 5}), ("backward", 0, 5, {0, 1, 2}), ("both", 1, 3, {1, 2, 3})],
)
def test_direction_and_range(session, direction, first, last, filled):
    session.click(2, 17, 24)
    session.propagate(direction, first, last)
    assert set(np.flatnonzero(session.labels.any(axis=(1, 2)))) == filled
    assert session.controller.propagation.done == session.controller.propagation.total == len(filled)


def test_a_range_on_the_wrong_side_is_explained(session):
    session.click(4, 19, 28)
    session.propagate("forward", 0, 2)
    assert "range" in session.told[-1][1]
    assert not session.labels[:4].any()


def test_propagating_without_a_prompt_says_what_to_do(session):
    session.propagate()
    assert session.told == [("warning", "There is no prompt yet. Click a cell in the image, then propagate.")]
    assert session.backend.calls == []


def test_progress_counts_and_estimates(session):
    run = session.controller.propagation
    seen = []
    run.advanced.connect(lambda *_: seen.append((run.done, run.total, run.remaining is not None)))
    session.click(2, 17, 24)
    session.propagate()
    assert seen == [(count, 6, True) for count in range(1, 7)]


class Foreseen:
    seconds = 90.0

    def __str__(self) -> str:
        return "1 object through 6 frames: about 2 min"


def test_the_time_is_foreseen_before_the_first_frame_and_forgotten_with_the_next_run(session, backend):
    backend.foreseen = Foreseen()
    run, shown = session.controller.propagation, []
    run.foretold.connect(lambda: shown.append((run.done, run.remaining, str(run.foreseen))))
    session.click(2, 17, 24)
    session.propagate("forward", 1, 4)
    assert shown == [(0, 90.0, "1 object through 6 frames: about 2 min")]
    assert [call for call in backend.calls if call[0] == "foresee"] == [("foresee", 1, 5, "forward")]
    assert run.remaining == 0.0, "measured on the way from then on"
    backend.foreseen = None
    session.click(3, 18, 26)
    session.propagate("forward", 0, 5)
    assert run.foreseen is None


def test_what_is_foreseen_of_a_cancelled_run_is_not_shown(session, backend):
    backend.foreseen = Foreseen()
    run, shown = session.controller.propagation, []
    session.click(2, 17, 24)
    session.settle()
    run.foretold.connect(lambda: shown.append(run.cancelling))
    backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.controller.cancel()
    backend.gate.set()
    session.settle()
    assert not run.running
    assert shown in ([], [True])


def test_cancel_keeps_what_is_finished(session):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.controller.cancel() if run.done == 2 else None)
    session.propagate()
    run.advanced.disconnect(slot)
    filled = np.flatnonzero(session.labels.any(axis=(1, 2)))
    assert {0, 1} <= set(filled)
    assert len(filled) < 6
    assert not run.running
    assert session.told == []
    session.propagate()
    assert session.labels.any(axis=(1, 2)).all()


def test_what_would_disturb_a_propagation_is_refused(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.controller.set_model("sam2.1_hiera_tiny")
    session.controller.set_frame_axis(1)
    session.backend.gate.set()
    session.settle()
    assert ["Cancel, or wait" in text for _, text in session.told] == [True] * 2
    assert session.controller.choice.model == "micro"
    assert session.labels.any(axis=(1, 2)).all()
    assert session.backend.count("step") == 6


def test_a_correction_during_propagation_is_previewed_in_between(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("forward", 0, 5)
    session.loop.until(lambda: session.backend.count("step") == 1)
    session.controller.new_object()
    session.click(0, 40, 50)
    session.backend.gate.set()
    session.loop.until(lambda: not session.controller.previews.waiting)
    assert (session.labels[0] == 2).any()
    assert session.controller.propagation.running
    session.settle()
    assert (session.labels == 1).any(axis=(1, 2)).all()


def test_the_hint_leads_through(session):
    control = session.controller
    assert control.hint == "Click a cell."
    session.click(0, 15, 20)
    assert "Loading micro" in control.hint
    session.settle()
    assert "Propagate (G)" in control.hint
    control.new_object()
    assert "Click the next cell" in control.hint
    control.step_object(-1)
    session.backend.gate.clear()
    control.propagate("both", 0, 5)
    assert "Following" in control.hint
    session.backend.gate.set()
    session.settle()
    assert "Look through the frames" in control.hint
    session.click(3, 18, 26)
    session.settle()
    assert "again" in control.hint
    session.viewer.layers.selection.active = session.viewer.layers["cells"]
    assert "Press Q" in control.hint
    control.set_positive(True)
    session.viewer.layers["SAM 2 points"].mode = "select"
    assert "Press Q" in control.hint
    session.viewer.dims.ndisplay = 3
    assert "2-D" in control.hint
