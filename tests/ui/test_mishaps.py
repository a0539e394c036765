"""What goes wrong says what to do and loses nothing."""

import threading

import numpy as np
import pytest

from napari_sam2.tracking.errors import TrackingError
from napari_sam2.ui.loading import Loading
from napari_sam2.ui.messages import Cancelled, explain
from napari_sam2.weights.errors import DownloadError, ModelError


class OutOfMemoryError(RuntimeError):
    """Called like torch's own, which the ui must know without importing torch."""


@pytest.mark.parametrize(
    "error", [MemoryError(), OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory: 8 GB")]
)
def test_out_of_memory_keeps_finished_frames(session, error):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.backend.errors.update(step=error))
    session.propagate()
    level, text = session.told[-1]
    assert level == "error"
    assert "not enough memory" in text
    assert "micro" in text
    assert session.labels[0].any()
    assert not run.running
    run.advanced.disconnect(slot)
    session.backend.errors.clear()
    session.propagate()
    assert session.labels.any(axis=(1, 2)).all()


def test_masks_that_cannot_be_written_end_the_propagation_and_the_next_one_goes_on(session, monkeypatch):
    session.click(0, 15, 20)
    session.settle()
    run, merge = session.controller.propagation, session.backend.merge

    def full(existing, result):
        if run.done > 2:
            raise OSError(28, "No space left on device")
        return merge(existing, result)

    monkeypatch.setattr(session.backend, "merge", full)
    session.propagate()
    assert not run.running
    level, text = session.told[-1]
    assert level == "error"
    assert "No space left on device" in text
    assert session.document.done(1) == {0, 1}
    monkeypatch.setattr(session.backend, "merge", merge)
    session.propagate()
    assert session.document.done(1) == set(range(6))


def test_an_error_of_a_preview_is_told_and_the_prompt_stays(session):
    session.backend.errors["predict"] = MemoryError()
    session.click(0, 15, 20)
    session.settle()
    assert len(session.told) == 1
    assert "not enough memory" in session.told[0][1]
    assert session.document.has_prompts()
    session.backend.errors.clear()
    session.click(0, 16, 20)
    session.settle()
    assert session.labels[0].any()


def test_a_failed_download_goes_back_to_the_model_before(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.errors["sam2.1_hiera_tiny"] = DownloadError("sam2.1_hiera_tiny: no connection; check the network")
    session.controller.set_model("sam2.1_hiera_tiny")
    session.settle()
    assert session.controller.choice.model == "micro"
    assert len(session.told) == 1
    assert "no connection; check the network" in session.told[0][1]
    assert "micro (bundled) on auto is in use again" in session.told[0][1]
    session.click(0, 16, 20)
    session.propagate()
    assert session.labels.any(axis=(1, 2)).all()
    assert len(session.told) == 1


def test_an_unreadable_checkpoint_says_so(session):
    session.backend.errors["/data/broken.pt"] = ModelError("/data/broken.pt is damaged or incomplete; get it again")
    session.controller.set_model("/data/broken.pt")
    session.settle()
    assert "damaged or incomplete" in session.told[0][1]
    assert session.controller.choice.model == "micro"


def test_a_missing_device_goes_back(session):
    session.click(0, 15, 20)
    session.settle()
    load = session.backend.load

    def refuse(choice, progress):
        if choice.device == "cuda":
            raise ModelError("the device cuda is not available here; use auto or cpu")
        return load(choice, progress)

    session.backend.load = refuse
    session.controller.set_device("cuda")
    session.settle()
    assert session.controller.choice.device == "auto"
    assert "not available here" in session.told[0][1]


def test_a_model_that_fails_is_not_tried_again_by_what_waits_behind_it(session):
    session.backend.errors["micro"] = ModelError("the bundled weights are missing; install napari-sam2 again")
    session.backend.gate.clear()
    session.click(0, 15, 20)
    session.click(0, 16, 20)
    session.backend.gate.set()
    session.settle()
    assert session.backend.count("load") == 1
    assert [text.split(";")[0] for _, text in session.told] == ["The bundled weights are missing"]


def test_another_model_is_asked_for_what_is_on_screen(session):
    session.click(0, 15, 20)
    session.settle()
    session.viewer.dims.set_current_step(0, 0)
    session.controller.set_model("sam2.1_hiera_tiny")
    session.settle()
    loaded = [call[1].choice.model for call in session.backend.calls if call[0] == "tracker"]
    assert loaded == ["micro", "sam2.1_hiera_tiny"]
    assert session.backend.count("predict") == 2


def test_a_download_is_shown_and_can_be_cancelled(session):
    reached, done = threading.Event(), threading.Event()
    loading: Loading = session.controller.loading

    def download(choice, progress):
        for arrived in range(0, 157_000_000, 1_000_000):
            progress(arrived, 156_000_000)
            reached.set()
            assert done.wait(10)
        return object()

    session.backend.load = download
    session.controller.set_model("sam2.1_hiera_tiny")
    assert reached.wait(10)
    session.loop.until(lambda: loading.amount is not None)
    assert loading.downloading
    assert loading.text == "SAM 2.1 tiny: 0 of 156 MB"
    assert session.controller.hint.startswith("Loading SAM 2.1 tiny: 0 of 156 MB")
    session.controller.cancel()
    done.set()
    session.loop.until(lambda: not loading.busy)
    assert session.controller.choice.model == "micro"
    assert session.told == [("info", "Cancelled loading SAM 2.1 tiny. micro (bundled) on auto is in use again.")]


@pytest.mark.parametrize("then", ["micro", "sam2.1_hiera_tiny"])
def test_a_cancelled_download_stops_also_when_a_model_is_chosen_before_it_has_noticed(session, then):
    reached, go_on = threading.Event(), threading.Event()
    loading: Loading = session.controller.loading
    ended: list[tuple[str, str]] = []

    def download(choice, progress):
        try:
            for arrived in range(0, 157_000_000, 52_000_000):
                progress(arrived, 156_000_000)
                reached.set()
                assert go_on.wait(10)
        except Cancelled:
            ended.append((choice.model, "stopped"))
            raise
        ended.append((choice.model, "here"))
        return object()

    session.backend.load = download
    session.controller.set_model("sam2.1_hiera_tiny")
    assert reached.wait(10)
    session.controller.cancel()
    session.controller.set_model("micro")
    if then != "micro":
        session.controller.set_model(then)
    go_on.set()
    session.loop.until(lambda: not loading.busy)
    session.loop.turn()
    assert ended[0] == ("sam2.1_hiera_tiny", "stopped")
    assert ended[-1] == (then, "here")
    assert loading.ready
    assert session.controller.choice.model == then
    assert session.told == []


def test_an_unexpected_error_is_told_and_logged(session, caplog):
    session.backend.errors["predict"] = ZeroDivisionError("that should not be")
    session.click(0, 15, 20)
    session.settle()
    assert "Unexpected error" in session.told[0][1]
    assert "ZeroDivisionError" in caplog.text


def test_an_image_file_that_is_gone_is_explained():
    text = explain(FileNotFoundError(2, "No such file or directory"), "propagating")
    assert "No such file" in text
    assert "still there" in text


def test_messages_of_the_package_are_shown_as_they_are():
    text = explain(OSError(28, "No space left on device"), "saving the session", writing=True)
    assert "could not be written while saving the session: No space left on device" in text
    assert explain(ModelError("there is no model x"), "loading") == "There is no model x"
    assert explain(ModelError("sam2.1_hiera_tiny: gone"), "loading") == "sam2.1_hiera_tiny: gone"
    assert explain(TrackingError("got an empty mask; paint one"), "propagating") == "Got an empty mask; paint one"
    assert explain(Cancelled(), "loading x") == "Cancelled loading x."


def test_masks_that_do_not_fit_into_memory_leave_the_other_image_open(session, stack, monkeypatch):
    session.click(0, 15, 20)
    session.settle()

    def no_room(image, axes):
        raise MemoryError

    monkeypatch.setattr("napari_sam2.ui.workspace.new_objects", no_room)
    other = session.viewer.add_image(stack, name="other")
    session.controller.set_image(other)
    assert "not enough memory" in session.told[-1][1]
    assert session.controller.workspace.image.name == "cells"
    assert session.viewer.layers["SAM 2 objects"].visible
    session.controller.new_object()
    session.click(0, 40, 50)
    session.settle()
    assert set(np.unique(session.labels)) == {0, 1, 2}


def test_closing_in_the_middle_ends_the_thread(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: session.backend.count("step") == 1)
    session.controller.close()
    session.backend.gate.set()
    for thread in threading.enumerate():
        if thread.name.startswith("napari-sam2"):
            thread.join(10)
            assert not thread.is_alive()


def test_an_image_opened_again_has_its_names_and_accepted_frames(session, stack):
    session.click(0, 15, 20)
    session.propagate()
    session.document.rename(1, "mother")
    session.document.lock(1, 3)
    document = session.document
    session.viewer.layers.remove("cells")
    session.loop.turn()
    session.viewer.add_image(stack, name="cells", scale=(1, 0.5, 0.5))
    session.loop.turn()
    assert session.document is document
    assert session.document.is_locked(1, 3)
    assert session.document.name(1) == "mother"
    np.testing.assert_array_equal(session.viewer.layers["SAM 2 objects"].scale, (1, 0.5, 0.5))
    session.click(2, 17, 24)
    session.propagate()
    assert session.document.done(1) == set(range(6))


def test_other_pixels_of_the_same_shape_are_told_and_everything_but_accepted_frames_is_done_anew(session, stack, disc):
    session.click(0, 15, 20)
    session.propagate()
    session.document.lock(1, 3)
    session.viewer.layers["cells"].data = np.roll(stack, 4, axis=2)
    assert "other pixels now" in session.told[-1][1]
    assert session.labels.any(axis=(1, 2)).all()
    session.propagate()
    np.testing.assert_array_equal(session.labels[3] == 1, disc(3))
    np.testing.assert_array_equal(session.labels[4] == 1, np.roll(disc(4), 4, axis=1))


def test_pixels_replaced_while_frames_come_lose_nothing(session, stack):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(
        lambda *_: setattr(session.viewer.layers["cells"], "data", stack.copy()) if run.done == 2 else None
    )
    session.propagate()
    run.advanced.disconnect(slot)
    assert session.labels[:2].any(axis=(1, 2)).all()
    assert not run.running
    session.propagate()
    assert session.labels.any(axis=(1, 2)).all()


def test_another_image_chosen_while_paused_is_refused(session, stack):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.controller.pause() if run.done == 1 else None)
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: run.paused)
    run.advanced.disconnect(slot)
    other = session.viewer.add_image(stack, name="other")
    session.controller.set_image(other)
    assert "Paused. Cancel, or resume" in session.told[-1][1]
    session.controller.propagate("both", 0, 5)  # goes on
    session.settle()
    assert session.labels.any(axis=(1, 2)).all()


def test_a_prompt_outside_the_image_is_taken_back_and_leaves_no_step(session):
    session.click(0, 15, 20)
    session.settle()
    session.click(0, 500, 20)
    assert "outside the image" in session.told[-1][1]
    assert session.document.prompts().keys() == {(1, 0)}
    session.controller.undo()
    session.settle()
    assert not session.document.has_prompts()


def test_two_viewers_do_not_disturb_each_other(open_session, stack, disc):
    one, other = open_session(stack), open_session(stack)
    one.click(0, 15, 20)
    other.click(0, 40, 50)
    one.propagate()
    other.propagate()
    np.testing.assert_array_equal(one.labels[5] == 1, disc(5))
    np.testing.assert_array_equal(other.labels[5] == 1, disc(5, 1))
    one.controller.undo()
    one.settle()
    assert not one.labels[5].any()
    assert other.labels[5].any()


def test_a_stack_with_one_frame_can_be_accepted_undone_and_kept(open_session, stack):
    session = open_session(stack[:1])
    session.click(0, 15, 20)
    session.settle()
    session.controller.accept()
    session.propagate("both", 0, 0)
    assert session.labels.any()
    session.controller.undo()
    session.controller.undo()
    session.settle()
    assert not session.labels.any()


def test_in_3d_frames_can_be_accepted_and_everything_goes_on(session):
    session.click(2, 17, 24)
    session.settle()
    session.viewer.dims.ndisplay = 3
    session.propagate()
    session.controller.accept()
    session.controller.undo()
    session.controller.undo()
    session.settle()
    assert session.labels.any(axis=(1, 2)).tolist() == [False, False, True, False, False, False]
    session.viewer.dims.ndisplay = 2
    session.controller.redo()
    session.settle()
    assert session.labels.any(axis=(1, 2)).all()


def test_a_layer_deleted_while_frames_come_is_brought_back_with_all_frames(session):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.viewer.layers.remove("SAM 2 objects") if run.done == 2 else None)
    session.propagate()
    run.advanced.disconnect(slot)
    assert session.labels.any(axis=(1, 2)).all()


def test_undo_while_frames_come_leaves_what_was_said_before_alone(session):
    session.click(0, 15, 20)
    session.controller.new_object()
    session.click(0, 40, 50)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.controller.undo() if run.done in (1, 2) else None)
    session.propagate()
    run.advanced.disconnect(slot)
    assert session.document.prompts().keys() == {(1, 0), (2, 0)}
    assert session.told == [("info", "Frames are being segmented. Cancel first, then undo takes them back.")] * 2
    for frame in range(6):
        assert set(np.unique(session.labels[frame])) == {0, 1, 2}
    # What was said meanwhile can be taken back.
    session.document.clear_done()
    slot = run.advanced.connect(
        lambda *_: (session.document.lock(1, 5), session.controller.undo()) if run.done == 1 else None
    )
    session.propagate()
    run.advanced.disconnect(slot)
    assert not session.document.is_locked(1, 5)
    assert len(session.told) == 2


EDITS = {
    "split": lambda document: document.split(1, 3),
    "merge": lambda document: document.merge(1, 2),
    "renumber": lambda document: document.renumber(1, 7),
    "delete": lambda document: document.delete(1),
    "divide": lambda document: document.divide(1, 3),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_taken_back_before_a_propagation_is_not_made_again_while_it_runs(session, edit):
    session.click(0, 15, 20)
    session.controller.new_object()
    session.click(0, 40, 50)
    session.settle()
    session.propagate()
    as_it_was = session.labels.copy()
    edit(session.document)
    session.controller.undo()
    session.document.clear_done()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.controller.redo() if run.done == 1 else None)
    session.propagate()
    run.advanced.disconnect(slot)
    assert [item.id for item in session.document.objects] == [1, 2]
    np.testing.assert_array_equal(session.labels, as_it_was)
    text = "Frames are being segmented. What was taken back before they began cannot be made again now."
    assert session.told == [("info", text)]


def test_what_is_done_and_taken_back_while_frames_come_can_be_made_again(session):
    session.click(0, 15, 20)
    session.settle()

    def accept(*_):
        if run.done == 1:
            session.document.lock(1, 5)
            session.controller.undo()
            session.controller.redo()

    run = session.controller.propagation
    slot = run.advanced.connect(accept)
    session.propagate()
    run.advanced.disconnect(slot)
    assert session.document.is_locked(1, 5)
    assert not session.told
