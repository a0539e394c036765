"""Sessions are kept while somebody works, survive kill -9, and are saved and opened."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.session.autosave import found, sessions_folder
from napari_sam2.session.document import EVERY
from napari_sam2.session.folder import SessionFolder, open_folder
from napari_sam2.ui import keeping
from napari_sam2.ui.opening import METADATA, Questions

POINTS, OBJECTS = "SAM 2 points", "SAM 2 objects"


def quiet(session) -> None:
    session.settle()
    session.loop.until(lambda: not session.controller.keeping.busy)
    session.loop.turn()
    for keeper in session.controller.keeping._keepers.values():
        keeper._write_if_waiting()
        assert keeper.saver.flush()


def kept(session) -> Path:
    return session.controller.keeping._keepers[session.controller.workspace].saver.folder


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_after_kill_9_all_finished_frames_and_prompts_are_offered_again(open_session, stack, disc):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, env={**os.environ})
    assert done.returncode == -9, done.stderr
    assert done.stdout.split("\n")[0] == "finished [0, 1, 2]"
    session = open_session(stack)
    control = session.controller
    session.loop.until(lambda: control.keeping.unfinished)
    (offer,) = control.keeping.unfinished
    assert (offer.image, offer.objects, offer.closed) == ("cells", 2, False)
    control.reopen()
    quiet(session)
    assert control.keeping.unfinished == ()
    np.testing.assert_array_equal(session.labels[2] == 1, disc(2))
    np.testing.assert_array_equal(session.labels[2] == 2, disc(2, 1))
    assert not session.labels[4:].any()
    assert session.document.name(2) == "daughter"
    assert session.document.is_locked(2, 0)
    assert session.viewer.layers[POINTS].data.tolist() == [[0, 15, 20], [0, 40, 50]]
    session.backend.calls.clear()
    session.propagate()
    # It goes on where it was killed.
    assert session.backend.count("step") == 3
    assert session.labels.any(axis=(1, 2)).all()


def test_a_reopened_session_shows_a_prompt_where_the_frame_on_screen_is_empty(open_session, stack, tmp_path):
    deep = np.stack([np.zeros_like(stack), stack], axis=1)
    one = open_session(deep, scale=(2, 1, 0.5, 0.5))
    one.viewer.dims.set_current_step(1, 1)
    one.click(1, 1, 16, 22)
    one.settle()
    one.propagate(first=0, last=3)
    one.controller.save_session(tmp_path / "mine")
    quiet(one)
    other = open_session(deep, scale=(2, 1, 0.5, 0.5))
    for there, expected in (((5, 0), ((1,), 1)), ((5, 1), ((1,), 1)), ((3, 1), ((1,), 3))):
        for axis, step in enumerate(there):
            other.viewer.dims.set_current_step(axis, step)
        other.controller.open_session(tmp_path / "mine")
        quiet(other)
        assert other.controller.workspace.visible() == expected


def test_frames_and_prompts_are_on_the_disk_while_frames_come(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: session.backend.count("step") == 1)
    session.document.lock(1, 5)
    session.loop.turn()
    next(iter(session.controller.keeping._keepers.values())).saver.flush()
    saved = open_folder(kept(session))
    assert saved.masks[0].any()
    assert saved.prompts.keys() == {((), 1, 0)}
    assert saved.locks == {((), 1, 5): True}
    assert not saved.closed


def test_an_image_that_was_only_looked_at_leaves_nothing(session):
    quiet(session)
    session.controller.close()
    assert list(sessions_folder().iterdir()) == []


def test_an_orderly_end_keeps_the_session_for_later(session):
    session.click(0, 15, 20)
    session.propagate()
    (keeper,) = session.controller.keeping._keepers.values()
    session.controller.close()
    keeper.saver.finish()
    (offer,) = found(sessions_folder())
    assert offer.closed
    saved = open_folder(offer.folder)
    np.testing.assert_array_equal(saved.masks[:], session.labels)
    assert saved.done == {((), 1): frozenset(range(6))}
    assert saved.model == "micro"


def test_painted_pixels_are_kept_too(session):
    session.click(0, 15, 20)
    session.settle()
    layer = session.viewer.layers[OBJECTS]
    session.viewer.dims.set_current_step(0, 4)
    layer.brush_size = 1
    layer.paint((4, 30, 30), 7)
    layer.refresh()
    quiet(session)
    assert open_folder(kept(session)).masks[4][30, 30] == 7


def test_a_saved_session_opens_on_another_machine(session, open_session, stack, tmp_path):
    session.click(0, 15, 20)
    session.propagate()
    session.click(2, 17, 24)
    session.document.lock(EVERY, 4)
    session.document.rename(1, "mother")
    session.document.set_parents(session.document.new_object(), [1])
    session.settle()
    session.controller.save_session(tmp_path / "mine")
    quiet(session)
    other = open_session(np.zeros((6, 60, 80), np.uint16))
    tifffile.imwrite(tmp_path / "elsewhere.tif", stack)
    asked = []

    def locate(image):
        asked.append(image.name)
        return str(tmp_path / "elsewhere.tif")

    opened = []

    def open_image(path):
        opened.append(path)
        return [other.viewer.add_image(tifffile.imread(path), name="elsewhere")]

    object.__setattr__(other.viewer, "open", open_image)
    other.viewer.layers.remove("cells")
    other.loop.turn()
    other.controller.opening.ask = Questions(locate=locate)
    other.controller.open_session(tmp_path / "mine")
    quiet(other)
    assert (asked, opened) == (["cells"], [str(tmp_path / "elsewhere.tif")])
    assert other.controller.workspace.image.name == "elsewhere"
    np.testing.assert_array_equal(other.labels, session.labels)
    assert other.document.tables().keys() == session.document.tables().keys()
    for name in ("objects", "prompts", "locks", "parents", "done"):
        assert other.document.tables()[name] == session.document.tables()[name]
    # The one who opens goes on without touching the folder that was saved.
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "mine").rglob("*")}
    other.click(0, 40, 50)
    quiet(other)
    assert kept(other).parent == sessions_folder()
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "mine").rglob("*")} == before


@pytest.mark.parametrize("contrast", ["frame", "percentiles", "shown"])
def test_an_image_is_seen_again_as_it_was(open_session, stack, tmp_path, contrast):
    session = open_session(stack, contrast_limits=(5, 150), gamma=0.6)
    session.controller.looking.set_look(contrast=contrast, invert=True)
    session.click(0, 15, 20)
    session.settle()
    seen = session.controller.workspace.stack(()).contrast
    session.controller.save_session(tmp_path / "saved")
    quiet(session)
    other = open_session(stack)
    other.controller.open_session(tmp_path / "saved")
    quiet(other)
    assert other.document.has_prompts()
    assert other.controller.workspace.stack(()).contrast == seen


def test_other_pixels_are_asked_about_and_nothing_is_lost(session, open_session, stack, tmp_path):
    session.click(0, 15, 20)
    session.propagate()
    session.controller.save_session(tmp_path / "mine")
    quiet(session)
    other = open_session(stack + 1)
    other.click(0, 40, 50)
    other.settle()
    before = other.labels.copy()
    asked = []
    other.controller.opening.ask = Questions(agree=lambda text: bool(asked.append(text)))
    other.controller.open_session(tmp_path / "mine")
    quiet(other)
    assert "pixels of cells are not those" in asked[0]
    np.testing.assert_array_equal(other.labels, before)
    other.controller.opening.ask = Questions(agree=lambda text: True)
    other.controller.open_session(tmp_path / "mine")
    quiet(other)
    np.testing.assert_array_equal(other.labels, session.labels)
    # What was there before can be reopened.
    assert any(not open_folder(folder).done for folder in sessions_folder().iterdir())


def test_an_image_of_another_shape_is_refused_in_words(session, open_session, tmp_path):
    session.click(0, 15, 20)
    session.settle()
    session.controller.save_session(tmp_path / "mine")
    quiet(session)
    other = open_session(np.zeros((6, 60, 81), np.uint16))
    other.controller.open_session(tmp_path / "mine")
    quiet(other)
    assert "belongs to cells of shape (6, 60, 80)" in other.told[-1][1]


def test_a_folder_that_is_no_session_is_explained(session, tmp_path):
    session.controller.open_session(tmp_path)
    quiet(session)
    assert session.told[-1][0] == "error"
    assert "no session.json" in session.told[-1][1]


def test_what_a_session_takes_the_place_of_is_written_first_however_long_that_takes(session, tmp_path, monkeypatch):
    session.click(0, 15, 20)
    quiet(session)
    session.controller.save_session(tmp_path / "first")
    quiet(session)
    old, gate = kept(session), threading.Event()
    layer = session.viewer.layers[OBJECTS]
    write_frame = SessionFolder.write_frame
    monkeypatch.setattr("napari_sam2.session.autosave._PATIENCE", 0.01)
    monkeypatch.setattr(SessionFolder, "write_frame", lambda self, *at: gate.wait(20) and write_frame(self, *at))
    session.viewer.dims.set_current_step(0, 4)
    layer.brush_size = 1
    layer.paint((4, 30, 30), 7)
    layer.refresh()
    session.loop.turn()
    session.controller.open_session(tmp_path / "first")
    session.loop.until(lambda: session.controller.unready("x"))
    assert layer.data[4, 30, 30] == 7
    gate.set()
    quiet(session)
    assert kept(session) != old
    assert layer.data[4, 30, 30] == 0
    assert open_folder(old).masks[4][30, 30] == 7


def test_dismissed_it_is_not_offered_again_but_can_be_reopened(session, open_session, stack):
    session.click(0, 15, 20)
    quiet(session)
    keeper = next(iter(session.controller.keeping._keepers.values()))
    keeper.saver.close()  # as if the program had been killed
    other = open_session(stack)
    other.loop.until(lambda: other.controller.keeping.unfinished)
    other.controller.keeping.dismiss()
    folder = other.controller.keeping.recent[0].folder
    other.loop.until(lambda: open_folder(folder).closed)
    assert other.controller.keeping.unfinished == ()


def test_a_session_that_cannot_be_put_away_is_said_to_be_one_that_cannot_be_written(
    session, open_session, stack, monkeypatch
):
    session.click(0, 15, 20)
    quiet(session)
    next(iter(session.controller.keeping._keepers.values())).saver.close()
    other = open_session(stack)
    other.loop.until(lambda: other.controller.keeping.unfinished)

    def refuse(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_sam2.ui.keeping.mark_closed", refuse)
    other.controller.keeping.dismiss()
    other.loop.until(lambda: other.told)
    ((level, text),) = other.told
    assert (level, text.split(":")[0]) == ("error", "A file could not be written while putting the session away")


@pytest.mark.parametrize("late", [False, True])
def test_a_session_is_not_opened_into_frames_that_come(session, stack, backend, tmp_path, late):
    """Neither one that napari has read, nor one whose reading has begun before."""
    session.click(0, 40, 50)
    session.settle()
    session.controller.save_session(tmp_path / "mine")
    quiet(session)
    session.controller.undo()
    session.click(0, 15, 20)
    session.settle()
    session.told.clear()
    backend.gate.clear()
    if late:
        session.controller.open_session(tmp_path / "mine")
        session.controller.propagate("both", 0, 5)
    else:
        session.controller.propagate("both", 0, 5)
        for name in ("mine", "mine tracks"):
            session.viewer.add_labels(stack, name=name, metadata={METADATA: str(tmp_path / "mine")})
        session.loop.turn()
    assert session.controller.propagation.running
    backend.gate.set()
    quiet(session)
    refusal, *more = session.told
    assert refusal == ("warning", "Frames are being segmented. Cancel, or wait for the end, to open a session.")
    left = "mine and mine tracks stay to be looked at, and will go when it is opened."
    assert more == ([] if late else [("info", f"The session is not open. {left}")])
    assert session.document.prompts()[1, 0].points == ((15, 20),)
    assert session.labels.any(axis=(1, 2)).all()
    session.controller.open_session(tmp_path / "mine")
    quiet(session)
    assert session.told[-1] == ("info", "The session of cells is open: 1 object.")
    assert session.document.prompts()[1, 0].points == ((40, 50),)
    assert not {"mine", "mine tracks"} & {layer.name for layer in session.viewer.layers}


def test_a_session_that_is_dropped_while_another_is_saved_is_opened_after_that_and_tried_once(session, stack, tmp_path):
    session.click(0, 40, 50)
    session.settle()
    session.controller.save_session(tmp_path / "mine")
    quiet(session)
    session.controller.save_session(tmp_path / "again")
    session.viewer.add_labels(stack, name="mine", metadata={METADATA: str(tmp_path / "mine")})
    session.viewer.add_labels(stack, name="none", metadata={METADATA: str(tmp_path)})
    session.told.clear()
    quiet(session)
    session.loop.until(lambda: len(session.told) == 4)
    quiet(session)
    saved, opened, failed, left = (text for _, text in session.told)
    assert saved == f"The session is saved in {tmp_path / 'again'}."
    assert opened == "The session of cells is open: 1 object."
    assert "no session.json" in failed
    assert left == "The session is not open. none stays to be looked at, and will go when it is opened."
    assert [layer.name for layer in session.viewer.layers if METADATA in layer.metadata] == ["none"]


def test_what_is_said_while_a_session_is_put_in_is_refused_in_words(session, tmp_path, monkeypatch):
    session.click(0, 15, 20)
    session.propagate()
    session.controller.save_session(tmp_path / "mine")
    quiet(session)
    control, gate, copy = session.controller, threading.Event(), keeping._copy
    monkeypatch.setattr(keeping, "_copy", lambda *args: (gate.wait(10), copy(*args)))
    labels = session.viewer.layers[OBJECTS]
    control.set_tool("paint")
    control.open_session(tmp_path / "mine")
    session.loop.until(lambda: control.workspace.unready("wait"))
    session.told.clear()
    box = [[2, 30, 40], [2, 30, 60], [2, 50, 60], [2, 50, 40]]
    for act, wish in (
        (lambda: session.click(2, 40, 50), "add prompts"),
        (lambda: session.viewer.layers["SAM 2 boxes"].add_rectangles(box), "add prompts"),
        (control.accept, "accept frames"),
        (control.accept_frame, "accept frames"),
        (control.new_object, "begin a new object"),
        (lambda: control.propagate("both", 0, 5), "propagate"),
        (control.divide, "record a division"),
    ):
        act()
        assert session.told == [("warning", f"A session is being opened. Wait until it is there, to {wish}.")]
        session.told.clear()
    assert not labels.editable, "strokes of the brush would be lost"
    assert len(session.viewer.layers[POINTS].data) == len(session.viewer.layers["SAM 2 boxes"].data) == 0
    gate.set()
    quiet(session)
    assert session.told == [("info", "The session of cells is open: 1 object.")]
    assert session.viewer.layers[POINTS].data.tolist() == [[0, 15, 20]]
    assert labels.editable
    assert labels.mode == "paint"
    session.click(2, 17, 24)
    session.settle()
    assert session.document.prompt((), 1, 2).points == ((17, 24),)


def test_two_viewers_keep_their_own(session, open_session, stack):
    other = open_session(stack)
    session.click(0, 15, 20)
    other.click(0, 40, 50)
    quiet(session)
    quiet(other)
    assert kept(session) != kept(other)
    assert other.controller.keeping.unfinished == ()
    assert open_folder(kept(session)).prompts[(), 1, 0].points == ((15, 20),)
    assert open_folder(kept(other)).prompts[(), 1, 0].points == ((40, 50),)


def reopened(session, open_session, folder, image, prepare=lambda viewer: None, **kwargs):
    """The session as it is when its folder is opened in another viewer."""
    session.controller.save_session(folder)
    quiet(session)
    other = open_session(image, **kwargs)
    prepare(other.viewer)
    other.controller.open_session(folder)
    quiet(other)
    return other


def delete_points(session, frame) -> None:
    layer = session.viewer.layers[POINTS]
    layer.selected_data = {number for number, place in enumerate(layer.data) if round(place[0]) == frame}
    layer.remove_selected()
    session.settle()


def test_after_opening_a_mask_goes_with_the_only_click_that_it_came_of(session, open_session, stack, tmp_path):
    session.click(0, 15, 20)
    session.settle()
    other = reopened(session, open_session, tmp_path / "s", stack)
    delete_points(other, 0)
    assert not other.labels.any()
    other.controller.undo()
    quiet(other)
    np.testing.assert_array_equal(other.labels, session.labels)


def test_after_opening_a_deleted_correction_brings_back_what_it_corrected(session, open_session, stack, tmp_path):
    session.click(0, 15, 20)
    session.propagate()
    before = session.labels.copy()
    session.controller.set_positive(False)
    session.click(2, 17, 24)
    session.settle()
    assert (session.labels != before).any()
    other = reopened(session, open_session, tmp_path / "s", stack)
    delete_points(other, 2)
    np.testing.assert_array_equal(other.labels, before)


@pytest.mark.parametrize("accepted", [False, True], ids=["propagated", "accepted"])
def test_after_opening_finished_frames_stay_without_their_click(session, open_session, stack, tmp_path, accepted):
    session.click(0, 15, 20)
    session.settle()
    if accepted:
        session.document.lock(1, 0)
    else:
        session.propagate()
    other = reopened(session, open_session, tmp_path / "s", stack)
    delete_points(other, 0)
    np.testing.assert_array_equal(other.labels, session.labels)
    # As without opening it in between.
    delete_points(session, 0)
    np.testing.assert_array_equal(other.labels, session.labels)


def test_channels_that_were_seen_together_are_seen_together_again(open_session, stack, tmp_path):
    session = open_session(stack, colormap="magenta", contrast_limits=(0, 150))
    session.viewer.add_image(stack[::-1], name="green", colormap="green", blending="additive", opacity=0.5, gamma=0.8)
    session.viewer.add_image(stack, name="beside it", visible=False)
    session.controller.looking.set_look(channels="visible")
    session.click(0, 15, 20)
    session.settle()
    wanted = session.controller.workspace.stack(()).channels
    assert len(wanted) == 2

    def prepare(viewer) -> None:
        viewer.add_image(stack[::-1], name="green", visible=False)
        viewer.add_image(stack, name="beside it")

    other = reopened(session, open_session, tmp_path / "s", stack, prepare)
    again = other.controller.workspace.stack(()).channels
    assert other.controller.looking.look.channels == "visible"
    assert [layer.visible for layer in other.viewer.layers if layer.name in ("green", "beside it")] == [True, False]
    for one, two in zip(wanted, again, strict=True):
        np.testing.assert_array_equal(one.table, two.table)
        assert (one.contrast, one.opacity, one.blending) == (two.contrast, two.opacity, two.blending)
        np.testing.assert_array_equal(one.stack, two.stack)


def test_an_image_that_was_seen_with_it_and_is_missing_is_named(open_session, stack, tmp_path):
    session = open_session(stack)
    session.viewer.add_image(stack[::-1], name="green")
    session.controller.looking.set_look(channels="visible")
    session.click(0, 15, 20)
    session.settle()
    other = reopened(session, open_session, tmp_path / "s", stack)
    assert any("saw green together with cells" in text for _, text in other.told)
    assert other.controller.looking.look.channels == "visible"


def test_an_axis_in_colours_comes_back(open_session, stack, tmp_path):
    both = np.stack([stack, stack[::-1]], axis=1)
    session = open_session(both, axis_labels=("t", "c", "y", "x"))
    session.click(0, 0, 15, 20)
    session.settle()
    session.controller.looking.set_look(channels="axis", contrast="frame")
    session.loop.turn()
    assert next(iter(session.controller.keeping._keepers.values())).saver.flush()
    assert open_folder(kept(session)).image.composed.kind == "axis", "kept at once, as everything that is said"
    other = reopened(session, open_session, tmp_path / "s", both, axis_labels=("t", "c", "y", "x"))
    assert other.controller.looking.look.channels == "axis"
    assert len(other.controller.workspace.stack((0,)).channels) == 2


def test_the_resolution_comes_back(open_session, stack, tmp_path):
    levels = [stack, stack[:, ::2, ::2]]
    session = open_session(levels, multiscale=True)
    session.controller.looking.set_level(1)
    session.click(0, 7, 10)
    session.settle()
    assert session.labels.shape == (6, 30, 40)
    other = reopened(session, open_session, tmp_path / "s", levels, multiscale=True)
    assert other.labels.shape == (6, 30, 40)
    np.testing.assert_array_equal(other.labels, session.labels)
    assert other.labels.any()
    other.propagate()
    assert other.labels.any(axis=(1, 2)).all()
