"""Session folders: what is written is read again, and what is wrong is named."""

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.session.autosave import Autosave, found, in_use, mark_closed, new_folder, tidy
from napari_sam2.session.document import EVERY, Document
from napari_sam2.session.fingerprint import fingerprint
from napari_sam2.session.folder import SessionError, SessionFolder, open_folder, save_folder, snapshot
from napari_sam2.session.folder_format import ImageEntry, from_ranges, ranges
from napari_sam2.session.history import Step
from napari_sam2.session.masks import Masks
from napari_sam2.session.prompts import Prompt, read_prompts
from napari_sam2.session.scores import Score
from napari_sam2.session.tables import packed, unpacked

SHAPE = (4, 2, 6, 7)  # frames, z, y, x
IMAGE = ImageEntry(name="cells", path="/data/cells.tif", shape=list(SHAPE), dtype="uint16", frame_axis=0)


def index(plane, frame):
    return (frame, *plane)


@pytest.fixture
def document() -> Document:
    labels = np.zeros(SHAPE, np.uint16)
    labels[:, :, 1:4, 1:4] = 1
    document = Document()
    document.ensure([2, 3])
    document.replace_points({(0,): {(1, 0): (((2.0, 2.5),), (1,))}, (1,): {(2, 3): (((4.0, 4.0),), (1,))}})
    document.masks = Masks(labels, 4, [(0,), (1,)], index)
    document.set_prompt(1, Prompt(2, ((1.0, 1.0),), (0,)), (0,))
    document.rename(1, "mother µ")
    document.split(2, 2)
    document.set_parents(3, [1])
    document.lock(1, 3, (0,))
    document.lock(EVERY, 1, (1,))
    step = Step("propagation")
    for frame in (0, 1, 3):
        document.mark_done(step, (0,), frame, {1: Score(2.5, 0.75, 9)})
    document.select(3)
    return document


def frames(document):
    return (((p,), f, document.masks.frame((p,), f)) for p in (0, 1) for f in range(4))


def save(document, path):
    save_folder(path, snapshot(document, lambda: IMAGE, "micro"), frames(document), SHAPE, np.uint16, index)


def state(document):
    tables = document.tables()
    return {
        **{name: tables[name] for name in ("objects", "prompts", "locks", "parents", "births", "done")},
        "seen": {place: mask.tolist() for place, mask in tables["seen"].items()},
        "current": document.current,
        "scores": [str(entry) for entry in document.scores.entries()],
        "steps": [document.to_prompts(plane) for plane in document.planes],
    }


def test_everything_is_read_again(document, tmp_path):
    save(document, tmp_path / "mine.sam2")
    saved = open_folder(tmp_path / "mine.sam2")
    again = Document()
    saved.fill(again)
    assert state(again) == state(document)
    np.testing.assert_array_equal(saved.masks[:], document.masks.array)
    assert saved.image == IMAGE
    assert saved.model == "micro"
    assert again.history.undo_text == ""


def test_a_person_and_other_programs_understand_it(document, tmp_path):
    save(document, tmp_path / "mine")
    assert "label image" in (tmp_path / "mine" / "README.txt").read_text()
    assert zarr.open_array(tmp_path / "mine" / "masks.zarr", mode="r").chunks == (1, 1, 6, 7)
    objects = read_prompts(tmp_path / "mine" / "prompts-0.json")
    assert [(item.id, item.name) for item in objects] == [(1, "mother µ")]
    # The correction comes with the mask that it corrects, as the model is told.
    assert [prompt.mask is not None for prompt in objects[0].prompts] == [False, True, False]


def test_a_saved_session_is_replaced_whole_or_not_at_all(document, tmp_path, monkeypatch):
    path = tmp_path / "mine"
    save(document, path)
    document.delete(1)

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_sam2.session.folder.write_prompts", full)
        with pytest.raises(OSError, match="No space"):
            save(document, path)
    assert 1 in open_folder(path).objects
    assert [item.name for item in tmp_path.iterdir()] == ["mine"]
    save(document, path)
    assert 1 not in open_folder(path).objects
    assert [item.name for item in tmp_path.iterdir()] == ["mine"]


def test_a_folder_of_something_else_is_not_replaced(document, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("words")
    with pytest.raises(SessionError, match="is no session"):
        save(document, tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "words"


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda entries: entries.update(format="other"), 'expected "napari-sam2/session"'),
        (lambda entries: entries.update(version=99), "update napari-sam2"),
        (lambda entries: entries["objects"][0].update(id=0), "objects.0.id"),
        (lambda entries: entries["prompts"][0].update(file="../../secret.json"), "leads out of the folder"),
        (lambda entries: entries["prompts"][0].update(file="/etc/passwd"), "leads out of the folder"),
        (lambda entries: entries["prompts"][0].update(file="gone.json"), "cannot be read"),
        (lambda entries: entries["image"].update(shape=[4, 2, 6, 8]), "expected labels of"),
        (lambda entries: entries.update(surprise=1), "surprise"),
        (lambda entries: entries["done"][0].update(frames="1-"), "done.0.frames"),
    ],
)
def test_what_is_wrong_is_named(document, tmp_path, damage, error):
    save(document, tmp_path / "mine")
    file = tmp_path / "mine" / "session.json"
    entries = json.loads(file.read_text())
    damage(entries)
    file.write_text(json.dumps(entries))
    with pytest.raises(SessionError, match=error) as caught:
        open_folder(tmp_path / "mine")
    assert "\n" not in str(caught.value)


def test_folders_without_a_session_are_explained(tmp_path):
    with pytest.raises(SessionError, match=r"no session\.json"):
        open_folder(tmp_path)
    with pytest.raises(SessionError, match="choose the folder"):
        open_folder(tmp_path / "gone")
    (tmp_path / "session.json").write_text("{")
    with pytest.raises(SessionError, match="damaged"):
        open_folder(tmp_path)


def test_damaged_scores_are_no_reason_not_to_open(document, tmp_path):
    save(document, tmp_path / "mine")
    (tmp_path / "mine" / "scores.npz").write_bytes(b"PK nonsense")
    assert open_folder(tmp_path / "mine").scores == {}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.frozensets(st.integers(0, 60)).filter(bool))
def test_ranges_say_the_same_frames(numbers):
    assert from_ranges(ranges(numbers), 61) == numbers


def test_huge_ranges_are_cut_at_the_stack():
    assert from_ranges("0-999999999999", 5) == set(range(5))


def test_the_fingerprint_tells_images_apart(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 999, (5, 40, 50), np.uint16)
    same = zarr.create_array(tmp_path / "a.zarr", shape=image.shape, dtype=image.dtype, chunks=(1, 40, 50))
    same[:] = image
    other = image.copy()
    other[4, 20, 20] += 1
    assert fingerprint(image, image.shape) == fingerprint(same, image.shape)
    assert fingerprint(image, image.shape) != fingerprint(other, image.shape)
    assert fingerprint(image, image.shape) != fingerprint(image.astype(np.int32), image.shape)
    assert fingerprint(image[0], (40, 50)) != fingerprint(image[1], (40, 50))


@pytest.fixture
def autosave(document, tmp_path):
    failed = []
    saver = Autosave(
        new_folder(tmp_path, "my cells/µ.tif"), SHAPE, np.uint16, index, document.masks.frame, failed.append
    )
    saver.failed = failed
    yield saver
    saver.close()


def test_autosave_writes_frames_and_the_latest_state(document, autosave, tmp_path):
    assert list(tmp_path.iterdir()) == []
    autosave.frame((1,), 2)
    autosave.state(snapshot(document, lambda: IMAGE, "micro"))
    document.rename(2, "late")
    autosave.state(snapshot(document, lambda: IMAGE, "micro"))
    assert autosave.flush()
    saved = open_folder(autosave.folder)
    np.testing.assert_array_equal(saved.masks[2, 1], document.masks.frame((1,), 2))
    assert not saved.masks[2, 0].any()
    assert saved.objects[2].name == "late"
    assert autosave.failed == []


def test_entries_that_take_long_to_write_rest_in_between_and_pixels_do_not(document, autosave, monkeypatch):
    written = []
    write, write_frame = SessionFolder.write, SessionFolder.write_frame
    monkeypatch.setattr(SessionFolder, "write", lambda self, now: (write(self, now), written.append(now.model)))
    monkeypatch.setattr(SessionFolder, "write_frame", lambda self, *at: (write_frame(self, *at), written.append(at[1])))

    def slow() -> ImageEntry:
        time.sleep(0.4)
        return IMAGE

    autosave.state(snapshot(document, slow, "first"))
    assert autosave.flush()
    autosave.state(snapshot(document, lambda: IMAGE, "second"))
    time.sleep(0.1)
    autosave.frame((0,), 1)
    assert autosave.flush()
    assert written == ["first", 1, "second"]
    autosave.state(snapshot(document, slow, "third"))
    assert autosave.flush()
    autosave.close(snapshot(document, lambda: IMAGE, "last", closed=True))
    assert written[-1] == "last"


def test_a_session_in_use_is_not_offered_and_a_closed_one_is_marked(document, autosave, tmp_path):
    autosave.state(snapshot(document, lambda: IMAGE, "micro"))
    autosave.flush()
    assert in_use(autosave.folder)
    assert list(found(tmp_path)) == []
    autosave.close(snapshot(document, lambda: IMAGE, "micro"))
    (session,) = found(tmp_path)
    assert (session.image, session.objects, session.closed) == ("cells", 4, False)
    mark_closed(session.folder)
    assert next(found(tmp_path)).closed


def test_closing_does_not_wait_long_for_a_slow_disk_and_all_is_written_nevertheless(document, autosave, monkeypatch):
    gate = threading.Event()
    write_frame = SessionFolder.write_frame
    monkeypatch.setattr("napari_sam2.session.autosave._PATIENCE", 0.01)
    monkeypatch.setattr(SessionFolder, "write_frame", lambda self, *at: gate.wait(20) and write_frame(self, *at))
    autosave.frame((1,), 2)
    assert not autosave.close(snapshot(document, lambda: IMAGE, "last", closed=True))
    assert in_use(autosave.folder)
    gate.set()
    autosave.finish()
    assert autosave.close()
    assert not in_use(autosave.folder)
    saved = open_folder(autosave.folder)
    assert saved.closed
    np.testing.assert_array_equal(saved.masks[2, 1], document.masks.frame((1,), 2))


_ENDS_AT_ONCE = """
import sys, time
from pathlib import Path
import numpy as np
from napari_sam2.session import autosave
autosave._PATIENCE = 0.0
def read(plane, frame):
    time.sleep(1.0)  # longer than the program has anything else to do
    return np.full((3, 4), 7, np.uint16)
saver = autosave.Autosave(Path(sys.argv[1]), (2, 3, 4), np.uint16, lambda plane, frame: (frame,), read, print)
saver.frame((), 1)
sys.exit(0 if not saver.close() else "it was written at once")
"""


def test_python_does_not_end_before_all_is_written(tmp_path):
    done = subprocess.run([sys.executable, "-c", _ENDS_AT_ONCE, str(tmp_path / "x")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "still being written" in done.stderr
    (store,) = [entry for entry in (tmp_path / "x").iterdir() if entry.is_dir()]
    assert (zarr.open(store, mode="r")[1] == 7).all()


def test_tidying_leaves_what_was_not_closed(document, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_sam2.session.autosave._KEPT", 1)
    for name in "abc":
        save(document, tmp_path / name)
        if name != "a":
            mark_closed(tmp_path / name)
    tidy(tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a", "c"]


def test_what_cannot_be_written_is_told_once(document, tmp_path):
    (tmp_path / "file").write_text("")
    failed = []
    saver = Autosave(tmp_path / "file" / "x", SHAPE, np.uint16, index, document.masks.frame, failed.append)
    for frame in range(3):
        saver.frame((0,), frame)
        saver.flush()
    saver.close()
    assert len(failed) == 1
    assert isinstance(failed[0], OSError)


def test_what_could_not_be_written_is_written_later(document, autosave, monkeypatch):
    monkeypatch.setattr("napari_sam2.session.autosave._AGAIN", 0.01)
    write_frame, full = SessionFolder.write_frame, [True, True]

    def write(self, plane, frame, labels):
        if full:
            raise OSError(28, f"No space left on device {full.pop()}")
        write_frame(self, plane, frame, labels)

    monkeypatch.setattr(SessionFolder, "write_frame", write)
    autosave.frame((1,), 2)
    autosave.state(snapshot(document, lambda: IMAGE, "micro"))
    end = time.monotonic() + 20
    while not autosave.flush() and time.monotonic() < end:
        time.sleep(0.01)
    assert len(autosave.failed) == 1
    np.testing.assert_array_equal(open_folder(autosave.folder).masks[2, 1], document.masks.frame((1,), 2))


def test_prompts_of_a_swept_axis_name_frame_and_slice_and_older_files_are_still_read(tmp_path):
    image = ImageEntry(name="v", shape=list(SHAPE), dtype="uint16", frame_axis=0, swept_axis=1)
    document = Document()
    document.replace_points({(): {(1, 5): (((2.0, 2.5),), (1,))}})  # the second slice of the third time point
    now = snapshot(document, lambda: image, "micro")
    save_folder(tmp_path / "s", now, [], SHAPE, np.uint16, lambda plane, frame: divmod(frame, 2))
    (entry,) = json.loads((tmp_path / "s" / "prompts.json").read_text())["objects"][0]["prompts"]
    assert (entry["frame"], entry["slice"]) == (2, 1)
    assert open_folder(tmp_path / "s").prompts.keys() == {((), 1, 5)}
    prompts, session = tmp_path / "s" / "prompts.json", tmp_path / "s" / "session.json"
    prompts.write_text(prompts.read_text().replace('"slice": 1', '"slice": 0').replace('"frame": 2', '"frame": 5'))
    session.write_text(session.read_text().replace('"version": 2', '"version": 1'))
    assert open_folder(tmp_path / "s").prompts.keys() == {((), 1, 5)}


def test_colours_survive_as_text_and_other_texts_are_refused():
    table = np.random.default_rng(0).random((256, 3), np.float32)
    np.testing.assert_array_equal(unpacked(packed(table)), table)
    for wrong in ("", "no", packed(table * 3), packed(table[:1])):
        with pytest.raises(ValueError, match="is no table of colours"):
            unpacked(wrong)
