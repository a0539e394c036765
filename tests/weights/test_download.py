"""Downloads against a server on this machine: only a whole and right file ever gets the model's name."""

import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.weights import download, registry, transfer
from napari_sam2.weights.addresses import addresses, split_mirrors
from napari_sam2.weights.download import arrived_bytes, cache_folder, cached_file, fetch, remove
from napari_sam2.weights.errors import DownloadError, ModelError
from napari_sam2.weights.load import load_model

NAME = "sam2.1_hiera_tiny"
HALF_MIB = 1 << 19


class Cancelled(Exception):
    pass


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_PAUSES", (0, 0, 0))
    monkeypatch.setattr(download, "_LOOK", 0.01)


@pytest.fixture
def publish(site, monkeypatch: pytest.MonkeyPatch):
    """Let NAME be published at the given place of the server."""

    def at(kind: str, url: str = site.url) -> registry.PublishedModel:
        digest = hashlib.sha256(site.content).hexdigest()
        model = replace(registry.PUBLISHED[NAME], url=f"{url}/{kind}/{NAME}.pt", sha256=digest, size=None)
        monkeypatch.setitem(registry.PUBLISHED, NAME, model)
        return model

    return at


def part(cache: Path) -> Path:
    return cache / f"{NAME}.pt.part"


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_fetches_once_and_reports(publish, site, cache: Path) -> None:
    publish("good")
    reports: list[tuple[int, int | None]] = []
    file = fetch(NAME, progress=lambda done, total: reports.append((done, total)))
    assert file == cache / f"{NAME}.pt"
    assert file.read_bytes() == site.content
    assert reports[-1] == (len(site.content), len(site.content))
    assert len(reports) > 3
    assert sorted(reports) == reports
    assert fetch(NAME) == file
    assert len(site.asked) == 1
    assert names(cache) == [file.name]


def test_a_folder_of_ones_own(publish, site, tmp_path: Path) -> None:
    publish("good")
    assert fetch(NAME, folder=tmp_path / "new" / "folder") == tmp_path / "new" / "folder" / f"{NAME}.pt"
    assert fetch(NAME, folder=str(tmp_path / "new" / "folder")).read_bytes() == site.content


def test_a_connection_that_is_cut_goes_on_where_it_stopped(publish, site, cache: Path) -> None:
    publish("short")
    assert fetch(NAME).read_bytes() == site.content
    assert site.ranges == [None, *(f"bytes={n * HALF_MIB}-" for n in (1, 2, 3))], "no byte is sent twice"
    assert names(cache) == [f"{NAME}.pt"]


def test_a_cancelled_download_goes_on_another_day(publish, site, cache: Path) -> None:
    def cancel(done: int, total: int | None) -> None:
        if done > len(site.content) // 2:
            raise Cancelled

    publish("good")
    with pytest.raises(Cancelled):
        fetch(NAME, progress=cancel)
    assert names(cache) == [part(cache).name]
    kept = part(cache).stat().st_size
    assert len(site.content) // 2 < kept < len(site.content)
    assert part(cache).read_bytes() == site.content[:kept]
    assert arrived_bytes(registry.PUBLISHED[NAME]) == kept
    reports: list[int] = []
    assert fetch(NAME, progress=lambda done, total: reports.append(done)).read_bytes() == site.content
    assert reports[0] == kept
    assert site.ranges == [None, f"bytes={kept}-"]
    assert names(cache) == [f"{NAME}.pt"]


def test_a_process_that_is_killed_leaves_what_has_arrived(publish, site, cache: Path) -> None:
    model = publish("good")
    arrived = threading.Event()

    def gate(sent: int) -> None:
        if sent >= HALF_MIB:
            arrived.set()
            time.sleep(30 if process.poll() is None else 0)

    site.gate = gate
    code = (
        "import sys; from pathlib import Path; from napari_sam2.weights.transfer import Wanted, receive\n"
        "receive(Wanted(Path(sys.argv[1]), sys.argv[2]), [sys.argv[3]])"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(cached_file(model)), model.sha256, model.url])
    try:
        assert arrived.wait(30)
        deadline = time.monotonic() + 30
        while not (part(cache).is_file() and part(cache).stat().st_size >= HALF_MIB // 2):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
        site.gate = None
    assert names(cache) == [part(cache).name]
    with pytest.raises(ModelError, match=r"damaged or incomplete|no file of weights"):
        load_model(part(cache))
    kept = part(cache).stat().st_size
    assert fetch(NAME).read_bytes() == site.content
    assert site.ranges[-1] == f"bytes={kept}-"


def test_a_server_without_ranges_starts_anew(publish, site, cache: Path) -> None:
    publish("noranges")
    part(cache).write_bytes(site.content[:1000])
    assert fetch(NAME).read_bytes() == site.content
    assert site.ranges == ["bytes=1000-"]


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(publish, site, cache: Path) -> None:
    publish("shortnoranges")
    with pytest.raises(DownloadError, match="broke off"):
        fetch(NAME)
    assert len(site.asked) == 4
    assert names(cache) == [part(cache).name]


@pytest.mark.parametrize("rest", [0, 7])
def test_a_part_that_has_all_or_more_than_all(publish, site, cache: Path, rest: int) -> None:
    publish("good")
    part(cache).write_bytes(site.content + b"x" * rest)
    assert fetch(NAME).read_bytes() == site.content
    assert len(site.asked) == (2 if rest else 1)


def test_a_part_of_another_file_is_found_out(publish, site, cache: Path) -> None:
    publish("good")
    part(cache).write_bytes(b"x" * 1000)
    assert fetch(NAME).read_bytes() == site.content
    assert site.ranges == ["bytes=1000-", None]


def test_a_login_page_does_not_cost_what_has_arrived(publish, site, cache: Path) -> None:
    publish("login")
    part(cache).write_bytes(site.content[:1000])
    with pytest.raises(DownloadError, match="a web page came instead of the file; is there a login"):
        fetch(NAME)
    publish("astray")
    with pytest.raises(DownloadError, match="another part of the file"):
        fetch(NAME)
    assert part(cache).read_bytes() == site.content[:1000]


@pytest.mark.parametrize(
    ("kind", "message", "left"),
    [
        ("shortnoranges", r"broke off; try again later \(1 MB are kept\)", [f"{NAME}.pt.part"]),
        ("other", "its sha256 is wrong", []),
        ("gone", "the server answered 404", []),
        ("busy", "the server answered 503", []),
    ],
)
def test_failures_say_how_to_go_on_and_leave_nothing_that_loads(
    publish, site, cache: Path, kind: str, message: str, left: list[str]
) -> None:
    publish(kind)
    with pytest.raises(DownloadError, match=message) as caught:
        fetch(NAME)
    assert names(cache) == left
    assert f"copy it to {cache / NAME}.pt" in str(caught.value)
    assert "\n" not in str(caught.value)
    publish("good")
    assert fetch(NAME).read_bytes() == site.content


def test_without_a_network(publish, site, cache: Path) -> None:
    publish("good", url="http://127.0.0.1:1")
    with pytest.raises(DownloadError, match=r"no connection; .* or download http://.* copy it to"):
        fetch(NAME)
    (cache / f"{NAME}.pt").write_bytes(site.content)  # as the message says
    assert fetch(NAME) == cache / f"{NAME}.pt"


def test_downloads_can_be_forbidden(publish, site, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("good")
    monkeypatch.setenv("NAPARI_SAM2_OFFLINE", "1")
    with pytest.raises(DownloadError, match=f"{NAME} is not in {cache}, and NAPARI_SAM2_OFFLINE forbids downloads"):
        fetch(NAME)
    assert site.asked == []
    (cache / f"{NAME}.pt").write_bytes(site.content)
    assert fetch(NAME) == cache / f"{NAME}.pt"


def test_a_damaged_file_in_the_cache_is_replaced(publish, site, cache: Path) -> None:
    publish("good")
    (cache / f"{NAME}.pt").write_bytes(site.content[:1000])
    assert fetch(NAME).read_bytes() == site.content


def test_mirrors_come_first_and_the_next_one_helps(publish, site, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("good")
    dead = "http://127.0.0.1:1/nobody"
    monkeypatch.setenv("NAPARI_SAM2_MIRROR", f"{dead}, {site.url}/gone/")
    assert fetch(NAME, mirrors=[f"{site.url}/short"]).read_bytes() == site.content
    assert site.kinds == ["gone", "short", "short", "short", "short"]
    remove(registry.PUBLISHED[NAME])
    site.asked.clear()
    assert fetch(NAME).read_bytes() == site.content
    assert site.kinds == ["gone", "good"], "after the mirrors comes the published address"


def test_a_mirror_goes_on_where_another_address_broke_off(publish, site, cache: Path) -> None:
    publish("good")
    reports: list[int] = []
    fetch(NAME, mirrors=[f"{site.url}/shortnoranges"], progress=lambda done, total: reports.append(done))
    assert site.asked[-1] == (f"/good/{NAME}.pt", f"bytes={HALF_MIB}-")


def test_every_address_is_named_when_none_helps(publish, site) -> None:
    publish("gone")
    with pytest.raises(DownloadError, match=rf"127\.0\.0\.1:1: no connection; {site.url[7:]}: the server answered 404"):
        fetch(NAME, mirrors=["http://127.0.0.1:1/x"])


def test_a_mirror_with_wrong_bytes_is_passed_over(publish, site, cache: Path) -> None:
    publish("good")
    assert fetch(NAME, mirrors=[f"{site.url}/other"]).read_bytes() == site.content
    assert site.asked[-1] == (f"/good/{NAME}.pt", None)


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    model = registry.PUBLISHED["sam2.1_hiera_base_plus"]
    file = "sam2.1_hiera_base_plus.pt"
    hub = f"facebook/sam2.1-hiera-base-plus/resolve/main/{file}"
    assert addresses(model) == (model.url, f"https://huggingface.co/{hub}")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example/")
    monkeypatch.setenv("NAPARI_SAM2_MIRROR", "https://a.example/x/  http://b.example")
    assert addresses(model, ["https://c.example"]) == (
        f"https://a.example/x/{file}",
        f"http://b.example/{file}",
        f"https://c.example/{file}",
        model.url,
        f"https://hub.example/{hub}",
    )
    with pytest.raises(DownloadError, match=r"the mirror '/mnt/models' is no address"):
        addresses(model, ["/mnt/models"])
    assert split_mirrors(" , ") == ()


def test_a_proxy_by_the_usual_variable(publish, site, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = publish("good", url="http://models.invalid")
    monkeypatch.setenv("HTTP_PROXY", site.url)
    monkeypatch.setenv("http_proxy", site.url)
    assert fetch(NAME).read_bytes() == site.content
    assert site.asked == [(model.url, None)], "the proxy is asked for the whole address"


def test_an_untrusted_certificate_is_named(publish, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED")

    publish("good")
    monkeypatch.setattr(requests.Session, "get", refuse)
    with pytest.raises(DownloadError, match="the certificate was not accepted; REQUESTS_CA_BUNDLE"):
        fetch(NAME)


def test_no_room_is_said_before_the_download(publish, site, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("good")
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match="2 MB more are needed, 1 MB are free"):
        fetch(NAME)
    part(cache).write_bytes(site.content[:1_500_000])
    assert fetch(NAME).read_bytes() == site.content


def _fetch_elsewhere(url: str, sha256: str, results: "multiprocessing.Queue[int]") -> None:
    registry.PUBLISHED[NAME] = replace(registry.PUBLISHED[NAME], url=url, sha256=sha256, size=None)
    results.put(len(fetch(NAME).read_bytes()))


def test_two_processes_download_the_same_file_once(publish, site, cache: Path) -> None:
    model = publish("good")
    waiting = threading.Event()
    site.gate = lambda sent: waiting.wait(30) if sent else None
    context = multiprocessing.get_context("spawn" if os.name == "nt" else "fork")
    results = context.Queue()
    other = context.Process(target=_fetch_elsewhere, args=(model.url, model.sha256, results))
    other.start()
    try:
        deadline = time.monotonic() + 30
        while not site.asked:
            assert time.monotonic() < deadline
            time.sleep(0.01)

        def hear(done: int, total: int | None) -> None:
            waiting.set()  # this one is told how far the other one is, so it waits

        assert fetch(NAME, progress=hear).read_bytes() == site.content
        assert results.get(timeout=30) == len(site.content)
    finally:
        waiting.set()
        other.join()
    assert waiting.is_set()
    assert len(site.asked) == 1
    assert names(cache) == [f"{NAME}.pt"]


def test_who_waits_for_another_process_may_cancel(publish, site, cache: Path) -> None:
    model = publish("good")

    def cancel(done: int, total: int | None) -> None:
        raise Cancelled

    with download._alone(download._wanted(model, None), None):
        with pytest.raises(Cancelled):
            fetch(NAME, progress=cancel)
        part(cache).write_bytes(b"half")
        with pytest.raises(DownloadError, match="another process is working on it"):
            remove(model)
    assert site.asked == []


def test_removing(publish, site, cache: Path) -> None:
    model = publish("good")
    fetch(NAME)
    part(cache).write_bytes(b"half")
    assert remove(model) == len(site.content) + 4
    assert names(cache) == []
    assert remove(model) == 0


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


def test_sizes_follow_from_the_networks() -> None:
    import torch

    for name, model in registry.PUBLISHED.items():
        with torch.device("meta"):
            network = Sam2(PRESETS[name])
        assert model.parameters == sum(parameter.numel() for parameter in network.parameters()), name
        assert model.tensors == len(network.state_dict()), name
    known = registry.PUBLISHED[NAME]
    assert known.about == known.size == 156_008_466
    assert replace(known, size=None).about == pytest.approx(known.size, rel=1e-3)
