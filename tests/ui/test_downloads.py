"""Downloads beside the work: order, progress, cancelling; and what the model manager shows of them."""

import threading
from dataclasses import replace

import pytest

from napari_sam2.ui.awaited import Awaited
from napari_sam2.ui.backend import ModelChoice
from napari_sam2.ui.downloads import Downloads
from napari_sam2.ui.inference import InferenceThread
from napari_sam2.ui.messages import Cancelled
from napari_sam2.ui.model_rows import rows
from napari_sam2.ui.model_shelf import ModelShelf
from napari_sam2.weights.costs import Rate, known_rate, remember_rate
from napari_sam2.weights.download import fetch
from napari_sam2.weights.errors import DownloadError
from napari_sam2.weights.recent import remember_checkpoint
from napari_sam2.weights.registry import PUBLISHED

TINY, LARGE = "sam2.1_hiera_tiny", "sam2.1_hiera_large"


class Source:
    """Gives models piece by piece, as the test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, tuple[str, ...]]] = []
        self.pieces = threading.Semaphore(0)
        self.error: Exception | None = None

    def __call__(self, name, *, folder, mirrors, progress):
        self.asked.append((name, folder, mirrors))
        for done in (25, 50, 75, 100):
            assert self.pieces.acquire(timeout=10)
            if self.error is not None:
                raise self.error
            progress(done * 1_000_000, 100_000_000)


@pytest.fixture
def source():
    source = Source()
    yield source
    source.pieces.release(100)


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    return Clock()


@pytest.fixture
def downloads(loop, source, clock):
    downloads = Downloads(loop.post, source, clock)
    downloads.over = []
    downloads.ended.connect(lambda name, error: downloads.over.append((name, error)))
    yield downloads
    source.pieces.release(100)
    downloads.close()


def step(source, loop, clock, downloads, name, amount):
    clock.now += 2
    source.pieces.release()
    loop.until(lambda: downloads.get(name) is None or (downloads.get(name).amount or (0,))[0] == amount * 1_000_000)


def test_one_after_the_other_with_progress(downloads, source, loop, clock):
    downloads.start(TINY, "/models", ("https://mirror.example",))
    downloads.start(LARGE)
    downloads.start(TINY)
    step(source, loop, clock, downloads, TINY, 25)
    assert downloads.get(TINY).amount == (25_000_000, 100_000_000)
    assert downloads.get(TINY).remaining is None, "one piece says nothing about the speed"
    assert downloads.get(LARGE).amount is None
    step(source, loop, clock, downloads, TINY, 50)
    assert downloads.get(TINY).remaining == pytest.approx(4)
    source.pieces.release(2)
    loop.until(lambda: downloads.get(TINY) is None)
    assert downloads.over == [(TINY, None)]
    source.pieces.release(4)
    loop.until(lambda: not downloads.busy)
    assert [name for name, _ in downloads.over] == [TINY, LARGE]
    assert source.asked == [(TINY, "/models", ("https://mirror.example",)), (LARGE, None, ())]


def test_cancelling_one_that_runs_and_one_that_waits(downloads, source, loop, clock):
    downloads.start(TINY)
    downloads.start(LARGE)
    step(source, loop, clock, downloads, TINY, 25)
    downloads.cancel(LARGE)
    downloads.cancel(TINY)
    assert downloads.get(TINY).cancelling
    source.pieces.release()
    loop.until(lambda: not downloads.busy)
    assert [(name, type(error)) for name, error in downloads.over] == [(TINY, Cancelled), (LARGE, Cancelled)]
    assert [name for name, _, _ in source.asked] == [TINY], "what was waiting is not even begun"
    downloads.start(TINY)
    source.pieces.release(4)
    loop.until(lambda: not downloads.busy)
    assert downloads.over[-1] == (TINY, None)


def test_a_failure_is_told_and_the_next_one_goes_on(downloads, source, loop, clock):
    downloads.start(TINY)
    downloads.start(LARGE)
    source.error = DownloadError("no connection")
    source.pieces.release()
    loop.until(lambda: downloads.get(TINY) is None)
    source.error = None
    source.pieces.release(4)
    loop.until(lambda: not downloads.busy)
    assert [(name, str(error)) for name, error in downloads.over] == [(TINY, "no connection"), (LARGE, "None")]


@pytest.fixture
def shelf(loop, source):
    thread = InferenceThread(loop.post)
    choice = [ModelChoice("micro", "cpu")]
    rate = Rate("processor, 2 threads", 0.5, 0.4, 0.02)
    told: list[tuple[str, str]] = []

    def measure(device: str, again: bool) -> Rate:
        shelf.measured.append((device, again))
        if shelf.broken:
            raise ValueError("no clock")
        remember_rate(device, rate)
        return rate

    shelf = ModelShelf(thread, loop.post, lambda: choice[0], lambda *what: told.append(what), source, measure)
    shelf.told, shelf.measured, shelf.broken, shelf.choice, shelf.rate = told, [], False, choice, rate
    yield shelf
    source.pieces.release(100)
    shelf.close()
    thread.close()


def state(shelf, model):
    (row,) = [row for row in shelf.rows() if row.model == model]
    return row


def test_all_models_are_listed_with_what_is_known(shelf, cache, tmp_path):
    own = tmp_path / "mine.pt"
    own.write_bytes(bytes(3_000_000))
    remember_checkpoint(own, TINY)
    (cache / f"{LARGE}.pt").write_bytes(bytes(1_000_000))
    (cache / f"{TINY}.pt.part").write_bytes(bytes(34_000_000))
    listed = shelf.rows()
    newer, older = list(PUBLISHED)[4:], list(PUBLISHED)[:4]
    assert [row.model for row in listed] == ["micro", *newer, *older, str(own)]
    assert state(shelf, "micro").texts == ("micro (bundled)", "14 MB", "", "BSD-3-Clause", "in use")
    assert state(shelf, TINY).texts == ("SAM 2.1 tiny", "156 MB", "", "Apache-2.0", "34 MB of it are here")
    assert state(shelf, "sam2_hiera_small").texts[1] == "about 184 MB"
    assert state(shelf, LARGE).texts[1::3] == ("1 MB", "downloaded")
    assert state(shelf, str(own)).texts == ("mine.pt", "3 MB", "", "your own", "SAM 2.1 tiny")
    assert [row.here for row in listed if row.model in ("micro", TINY, LARGE, str(own))] == [True, False, True, True]
    assert not shelf.deletable(state(shelf, "micro"))
    assert shelf.deletable(state(shelf, TINY))


def test_a_download_shows_in_its_row(shelf, source, loop):
    shelf.download(TINY)
    assert state(shelf, TINY).texts[-1] == "waiting"
    source.pieces.release()
    loop.until(lambda: state(shelf, TINY).share == 0.25)
    assert state(shelf, TINY).texts[-1] == "25 of 100 MB"
    shelf.downloads.cancel(TINY)
    assert state(shelf, TINY).texts[-1] == "stopping"
    source.pieces.release()
    loop.until(lambda: state(shelf, TINY).share is None)
    assert shelf.told == [], "the table shows that it has stopped"
    shelf.download(TINY)
    source.pieces.release(4)
    loop.until(lambda: not shelf.downloads.busy)
    assert shelf.told == [("info", "SAM 2.1 tiny is downloaded and can be used.")]
    source.error = DownloadError("no connection; check the network")
    shelf.download(LARGE)
    source.pieces.release()
    loop.until(lambda: not shelf.downloads.busy)
    assert shelf.told[-1] == ("error", "No connection; check the network")


def test_the_computer_is_measured_once(shelf, loop):
    assert "not been measured" in shelf.speed_note
    shelf.measure()
    shelf.measure()
    assert shelf.measuring
    assert "Measuring" in shelf.speed_note
    loop.until(lambda: not shelf.measuring)
    shelf.measure()
    assert shelf.measured == [("cpu", False)]
    assert state(shelf, TINY).texts[2] == "2 s + 4 s per object"
    assert "processor, 2 threads" in shelf.speed_note
    shelf.measure(again=True)
    loop.until(lambda: not shelf.measuring)
    assert shelf.measured[-1] == ("cpu", True)


def test_a_measurement_that_fails_says_so(shelf, loop):
    shelf.broken = True
    shelf.measure()
    loop.until(lambda: not shelf.measuring)
    assert "no clock" in shelf.speed_note
    assert known_rate("cpu") is None


def test_deleting(shelf, cache, tmp_path):
    gone: list[bool] = []
    shelf.files_changed.connect(lambda: gone.append(True))
    (cache / f"{LARGE}.pt").write_bytes(b"x")
    shelf.delete(LARGE)
    assert not state(shelf, LARGE).here
    own = tmp_path / "mine.pt"
    own.write_bytes(b"x")
    remember_checkpoint(own, "micro")
    shelf.forget(str(own))
    assert own.exists()
    assert all(row.model != str(own) for row in shelf.rows())
    assert len(gone) == 2


def test_the_chosen_folder_is_used(shelf, source, loop, tmp_path):
    folder = tmp_path / "shared" / "models"
    shelf.choice[0] = replace(shelf.choice[0], folder=str(folder), mirrors=("https://mirror.example",))
    assert str(folder) in shelf.folder_note
    assert "GB free" in shelf.folder_note
    shelf.download(TINY)
    source.pieces.release(4)
    loop.until(lambda: not shelf.downloads.busy)
    assert source.asked == [(TINY, str(folder), ("https://mirror.example",))]
    folder.mkdir(parents=True)
    (folder / f"{TINY}.pt").write_bytes(b"x")
    assert state(shelf, TINY).here


def test_a_real_download_beside_the_work(loop, site, cache, monkeypatch):
    import hashlib

    digest = hashlib.sha256(site.content).hexdigest()
    model = replace(PUBLISHED[TINY], url=f"{site.url}/good/{TINY}.pt", sha256=digest, size=None)
    monkeypatch.setitem(PUBLISHED, TINY, model)
    downloads = Downloads(loop.post, fetch)
    begun, go_on = threading.Event(), threading.Event()

    def gate(sent: int) -> None:
        if sent >= 1 << 20:
            begun.set()
            go_on.wait(10)

    site.gate = gate
    downloads.start(TINY)
    assert begun.wait(10)
    loop.until(lambda: downloads.get(TINY).amount is not None)
    downloads.cancel(TINY)
    go_on.set()
    loop.until(lambda: not downloads.busy)
    assert [file.name for file in cache.iterdir()] == [f"{TINY}.pt.part"]
    (row,) = [row for row in rows("", None, {}) if row.model == TINY]
    assert 0 < row.partial < len(site.content)
    site.gate = None
    downloads.start(TINY)
    loop.until(lambda: not downloads.busy)
    assert (cache / f"{TINY}.pt").read_bytes() == site.content
    assert site.ranges == [None, f"bytes={row.partial}-"]
    downloads.close()


@pytest.fixture
def awaited(shelf):
    """A wish for a model; `used` are the models that were switched to, `free` says whether one may be now."""
    used, free = [], [True]
    awaited = Awaited(shelf, used.append, lambda: free[0])
    awaited.used, awaited.free = used, free
    return awaited


def test_a_model_that_was_chosen_comes_beside_the_work_and_is_used_when_it_is_here(awaited, shelf, source, loop, clock):
    awaited.choose(TINY)
    assert (awaited.model, awaited.used, awaited.text) == (TINY, [], "SAM 2.1 tiny: waiting")
    assert "micro (bundled) stays in use" in shelf.told[0][1]
    source.pieces.release()
    loop.until(lambda: awaited.amount == (25_000_000, 100_000_000))
    assert awaited.text == "SAM 2.1 tiny: 25 of 100 MB"
    source.pieces.release(3)
    loop.until(lambda: awaited.used == [TINY])
    assert awaited.model == awaited.text == ""
    assert shelf.told[-1] == ("info", "SAM 2.1 tiny is downloaded and used next.")


def test_a_model_that_arrives_while_frames_are_segmented_waits_for_their_end(awaited, source, loop):
    awaited.free[0] = False
    awaited.choose(TINY)
    source.pieces.release(4)
    loop.until(lambda: awaited.progress == "downloaded")
    awaited.settle()
    assert awaited.used == []
    awaited.free[0] = True
    awaited.settle()
    awaited.settle()
    assert awaited.used == [TINY]


def test_who_chooses_otherwise_takes_the_wish_back(awaited, shelf, source, loop):
    awaited.choose(TINY)
    source.pieces.release()
    loop.until(lambda: awaited.amount[0])
    awaited.choose("micro")
    assert (awaited.model, awaited.used) == ("", ["micro"])
    assert shelf.downloads.get(TINY).cancelling
    awaited.choose(TINY)  # again, while the first download still stops
    source.pieces.release(5)
    loop.until(lambda: TINY in awaited.used)
    assert [name for name, _, _ in source.asked] == [TINY, TINY]


def test_a_download_of_the_model_manager_goes_on_without_the_wish(awaited, shelf, source, loop):
    shelf.download(TINY)
    awaited.choose(TINY)
    awaited.cancel()
    assert not shelf.downloads.get(TINY).cancelling
    source.pieces.release(4)
    loop.until(lambda: not shelf.downloads.busy)
    assert awaited.used == []
    assert shelf.told[-1] == ("info", "SAM 2.1 tiny is downloaded and can be used.")


def test_a_chosen_model_that_cannot_be_had_changes_nothing(awaited, shelf, source, loop):
    source.error = DownloadError("no connection")
    awaited.choose(TINY)
    source.pieces.release()
    loop.until(lambda: not shelf.downloads.busy)
    awaited.settle()
    assert (awaited.model, awaited.used) == ("", [])
    assert shelf.told[-1][0] == "error"
