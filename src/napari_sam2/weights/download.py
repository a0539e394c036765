"""Published weights, fetched once and checked by their sha256.

A file appears under its own name only when it is whole and right: it is written beside, checked, then renamed.
Proxies come from the usual variables (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE).
"""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from napari_sam2.weights.errors import DownloadError
from napari_sam2.weights.registry import PublishedModel, published

CACHE_VARIABLE = "NAPARI_SAM2_CACHE"

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in all or None). To cancel, raise: the exception comes through, nothing is kept."""

_CHUNK = 1 << 18
_TIMEOUT = 30  # seconds without a single byte


def cache_folder() -> Path:
    """Where downloads are kept: NAPARI_SAM2_CACHE, or the user's cache folder of the operating system."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("napari-sam2", appauthor=False))


def cached_file(model: PublishedModel, folder: str | os.PathLike[str] | None = None) -> Path:
    """Where the file of a model is, or will be."""
    return (Path(folder) if folder else cache_folder()) / model.filename


def is_intact(file: Path, model: PublishedModel) -> bool:
    """Whether the file has the published sha256."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == model.sha256


def fetch(name: str, *, folder: str | os.PathLike[str] | None = None, progress: Progress | None = None) -> Path:
    """The file of a published model, from the cache or else downloaded; its sha256 is right.

    Args:
        name: key of `registry.PUBLISHED`.
        folder: instead of `cache_folder()`.
        progress: see `Progress`.

    Raises:
        ModelError: no such model.
        DownloadError: no network, wrong content, no room; the message says what to do.
    """
    model = published(name)
    file = cached_file(model, folder)
    try:
        if file.is_file() and is_intact(file, model):
            return file
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"the cache folder {file.parent} cannot be used ({error.strerror or error}); "
            f"set {CACHE_VARIABLE} to a folder you may write to"
        ) from error
    _download(model, file, progress)
    return file


def _download(model: PublishedModel, file: Path, progress: Progress | None) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # it would write to the terminal on its own
    downloader = pooch.HTTPDownloader(
        progressbar=_Reporter(progress, model.size) if progress else False, chunk_size=_CHUNK, timeout=_TIMEOUT
    )
    by_hand = f"or download {model.url} elsewhere and copy it to {file}"
    try:
        pooch.retrieve(model.url, f"sha256:{model.sha256}", fname=file.name, path=file.parent, downloader=downloader)
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise DownloadError(f"{model.name}: the server answered {status}; try again later, {by_hand}") from error
    except requests.ConnectionError as error:
        raise DownloadError(f"{model.name}: no connection; check the network or proxy, {by_hand}") from error
    except requests.RequestException as error:
        raise DownloadError(f"{model.name}: the download broke off; try again, {by_hand}") from error
    except OSError as error:
        raise DownloadError(
            f"{model.name}: {file.parent} cannot be written ({error.strerror or error}); "
            f"make room or set {CACHE_VARIABLE} to another folder"
        ) from error
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise DownloadError(
            f"{model.name}: what arrived is not the published file (its sha256 is wrong), it was thrown away; "
            f"try again, {by_hand}"
        ) from error


class _Reporter:
    """What pooch wants of a progress bar, turned into calls of `progress`."""

    def __init__(self, progress: Progress, size: int | None) -> None:
        self._progress = progress
        self._size = size
        self._done = 0
        self.total = 0  # set by pooch, 0 when the server does not say

    def update(self, count: int) -> None:
        if count == 0:
            return
        total = self.total or self._size
        self._done = min(self._done + count, total) if total else self._done + count
        self._progress(self._done, total)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Nothing to close."""
