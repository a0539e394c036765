"""Downloads against a server on this machine: only a whole and right file ever gets the model's name."""

import gc
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from napari_sam2.weights import registry
from napari_sam2.weights.download import cache_folder, fetch
from napari_sam2.weights.errors import DownloadError, ModelError

# pooch leaves the closing of connections to the garbage collector; the server's fixture runs it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

CONTENT = bytes(range(256)) * 8192  # 2 MiB: several chunks
NAME = "sam2.1_hiera_tiny"


class Handler(BaseHTTPRequestHandler):
    """/good gives CONTENT, /short breaks off in the middle, /other gives something else, the rest is not there."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        kind = self.path.split("/")[1]
        if kind == "gone":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        body = {"good": CONTENT, "short": CONTENT[: len(CONTENT) // 2], "other": CONTENT[::-1]}[kind]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Handler.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()
    gc.collect()


@pytest.fixture
def publish(server: str, monkeypatch: pytest.MonkeyPatch):
    """Let NAME be published at the given place of the server."""

    def at(kind: str, url: str = server) -> None:
        model = replace(
            registry.PUBLISHED[NAME], url=f"{url}/{kind}/{NAME}.pt", sha256=hashlib.sha256(CONTENT).hexdigest()
        )
        monkeypatch.setitem(registry.PUBLISHED, NAME, model)

    return at


def test_fetches_once_and_reports(publish, cache: Path) -> None:
    publish("good")
    reports: list[tuple[int, int | None]] = []
    file = fetch(NAME, progress=lambda done, total: reports.append((done, total)))
    assert file == cache / f"{NAME}.pt"
    assert file.read_bytes() == CONTENT
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    assert len(reports) > 3
    assert sorted(reports[:-1]) == reports[:-1]
    assert fetch(NAME) == file
    assert len(Handler.asked) == 1
    assert [entry.name for entry in cache.iterdir()] == [file.name]


def test_a_folder_of_ones_own(publish, tmp_path: Path) -> None:
    publish("good")
    assert fetch(NAME, folder=tmp_path / "new" / "folder") == tmp_path / "new" / "folder" / f"{NAME}.pt"


@pytest.mark.parametrize(
    ("kind", "message"),
    [("short", "broke off"), ("other", "its sha256 is wrong"), ("gone", "the server answered 404")],
)
def test_failures_leave_nothing_and_say_how_to_go_on(publish, cache: Path, kind: str, message: str) -> None:
    publish(kind)
    with pytest.raises(DownloadError, match=message) as caught:
        fetch(NAME)
    assert list(cache.iterdir()) == []
    assert f"copy it to {cache / NAME}.pt" in str(caught.value)
    assert "\n" not in str(caught.value)
    publish("good")
    assert fetch(NAME).read_bytes() == CONTENT


def test_without_a_network(publish, cache: Path) -> None:
    publish("good", url="http://127.0.0.1:1")
    with pytest.raises(DownloadError, match=r"no connection; .* or download http://.* copy it to"):
        fetch(NAME)
    (cache / f"{NAME}.pt").write_bytes(CONTENT)  # as the message says
    assert fetch(NAME) == cache / f"{NAME}.pt"


def test_a_damaged_file_in_the_cache_is_replaced(publish, cache: Path) -> None:
    publish("good")
    (cache / f"{NAME}.pt").write_bytes(CONTENT[:1000])
    assert fetch(NAME).read_bytes() == CONTENT


def test_cancelling_keeps_nothing(publish, cache: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int | None) -> None:
        assert [entry for entry in cache.iterdir() if entry.stat().st_size], "the download has begun"
        raise Cancelled

    publish("good")
    with pytest.raises(Cancelled):
        fetch(NAME, progress=cancel)
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_used(publish, tmp_path: Path) -> None:
    publish("good")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="set NAPARI_SAM2_CACHE to a folder you may write to"):
        fetch(NAME, folder=tmp_path / "file")


def test_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert len(registry.PUBLISHED) == 8
    assert all(
        model.name == name and model.filename == f"{name}.pt" and len(model.sha256) == 64
        for name, model in registry.PUBLISHED.items()
    )
    with pytest.raises(ModelError, match=r"no model 'sam3'; there are micro, sam2_hiera_tiny, "):
        fetch("sam3")
    with pytest.raises(ModelError, match="nothing to download"):
        fetch("micro")
    monkeypatch.setenv("NAPARI_SAM2_CACHE", str(tmp_path / "chosen"))
    assert cache_folder() == tmp_path / "chosen"
    monkeypatch.delenv("NAPARI_SAM2_CACHE")
    assert cache_folder().name == "napari-sam2"
