"""Published weights, fetched once and checked by their sha256.

A file appears under its own name only when it is whole and right. What a broken or cancelled download has brought
waits beside as `NAME.part`, and the next one asks for the rest only. Proxies come from the usual variables
(HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE).
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from napari_sam2.weights import transfer
from napari_sam2.weights.addresses import OFFLINE_VARIABLE, addresses, is_offline
from napari_sam2.weights.errors import DownloadError
from napari_sam2.weights.registry import PublishedModel, published
from napari_sam2.weights.transfer import Progress, TransferError, Wanted, has_sha256

CACHE_VARIABLE = "NAPARI_SAM2_CACHE"

Folder = str | os.PathLike[str] | None

_LOOK = 0.2  # seconds between two looks at a download of another process


def cache_folder() -> Path:
    """Where downloads are kept: NAPARI_SAM2_CACHE, or the user's cache folder of the operating system."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("napari-sam2", appauthor=False))


def cached_file(model: PublishedModel, folder: Folder = None) -> Path:
    """Where the file of a model is, or will be."""
    return (Path(folder).expanduser() if folder else cache_folder()) / model.filename


def arrived_bytes(model: PublishedModel, folder: Folder = None) -> int:
    """How much of a model an unfinished download has brought."""
    return _wanted(model, folder).arrived


def is_intact(file: Path, model: PublishedModel) -> bool:
    """Whether the file has the published sha256."""
    return has_sha256(file, model.sha256)


def fetch(name: str, *, folder: Folder = None, mirrors: Sequence[str] = (), progress: Progress | None = None) -> Path:
    """The file of a published model, from the cache or else downloaded; its sha256 is right.

    A download that broke off goes on where it stopped. When another process is downloading the same file, this one
    waits for it.

    Args:
        name: key of `registry.PUBLISHED`.
        folder: instead of `cache_folder()`.
        mirrors: see `addresses.addresses`.
        progress: see `Progress`.

    Raises:
        ModelError: no such model.
        DownloadError: no network, wrong content, no room; the message says what to do.
    """
    model = published(name)
    wanted = _wanted(model, folder)
    try:
        if _is_here(wanted):
            return wanted.file
        if is_offline():
            raise DownloadError(
                f"{name} is not in {wanted.file.parent}, and {OFFLINE_VARIABLE} forbids downloads; "
                f"copy {model.filename} there, or unset the variable"
            )
        wanted.file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"the cache folder {wanted.file.parent} cannot be used ({error.strerror or error}); "
            f"set {CACHE_VARIABLE} to a folder you may write to"
        ) from error
    _download(model, wanted, mirrors, progress)
    return wanted.file


def remove(model: PublishedModel, folder: Folder = None) -> int:
    """Delete the file of a model and what an unfinished download has brought; returns how many bytes that freed.

    Raises:
        DownloadError: it cannot be deleted, or is being downloaded now.
    """
    wanted = _wanted(model, folder)
    if not wanted.file.is_file() and not wanted.arrived:
        return 0
    try:
        with _alone(wanted, None):
            freed = wanted.arrived + (wanted.file.stat().st_size if wanted.file.is_file() else 0)
            transfer.forget(wanted)
            wanted.file.unlink(missing_ok=True)
    except OSError as error:
        raise DownloadError(f"{wanted.file} cannot be deleted ({error.strerror or error})") from error
    return freed


def _wanted(model: PublishedModel, folder: Folder) -> Wanted:
    return Wanted(cached_file(model, folder), model.sha256, model.size)


def _is_here(wanted: Wanted) -> bool:
    return wanted.file.is_file() and has_sha256(wanted.file, wanted.sha256)


def _download(model: PublishedModel, wanted: Wanted, mirrors: Sequence[str], progress: Progress | None) -> None:
    places = addresses(model, mirrors)
    by_hand = f"or download {model.url} elsewhere and copy it to {wanted.file}"
    try:
        with _alone(wanted, progress):
            if not _is_here(wanted):  # another process may have been faster
                transfer.receive(wanted, places, progress)
    except TransferError as error:
        what_to_do = "check the network or proxy" if "no connection" in str(error) else "try again later"
        kept = f" ({wanted.arrived / 1e6:.0f} MB are kept)" if wanted.arrived else ""
        raise DownloadError(f"{model.name}: {error}; {what_to_do}{kept}, {by_hand}") from error
    except OSError as error:
        raise DownloadError(
            f"{model.name}: {wanted.file.parent} cannot be written ({error.strerror or error}); "
            f"make room or set {CACHE_VARIABLE} to another folder"
        ) from error


@contextmanager
def _alone(wanted: Wanted, progress: Progress | None) -> Iterator[None]:
    """Let no other process work on the same file; `progress` hears how far the other one is, and may raise.

    Without `progress` nobody waits.

    Raises:
        OSError: it is busy, where nobody waits.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(wanted.file.with_name(f".{wanted.file.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except NotImplementedError:
            # A network folder without locks. Two at a time spoil each other's part, which the sha256 finds out.
            break
        except Timeout:
            if progress is None:
                raise OSError("another process is working on it") from None
            progress(wanted.arrived, wanted.size)
            time.sleep(_LOOK)
    try:
        yield
    finally:
        if lock.is_locked:
            # While it is held: whoever opened it meanwhile sees that it has no name any more and opens a new one.
            # Windows keeps an open file.
            with suppress(OSError):
                Path(lock.lock_file).unlink()
            lock.release()
