"""Targets that can be written, and folders that appear whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_sam2.export.errors import ExportError


def check_folder(path: Path, ours: Callable[[Path], bool], what: str) -> None:
    """Raise ExportError where a folder cannot be written or replaced: on a file, or on a folder with other things.

    Args:
        path: where it shall be.
        ours: whether an existing folder holds nothing but such results.
        what: the format, for the message.
    """
    if path.exists() and not path.is_dir():
        raise ExportError(f"{path}: is a file; give the name of a new folder for {what}")
    if path.is_dir() and any(path.iterdir()) and not ours(path):
        raise ExportError(f"{path}: holds other things than {what}; give the name of a new or empty folder")


def check_target(path: Path, sources: Iterable[Path] = ()) -> None:
    """Raise ExportError where it can be said at once that nothing may be written or replaced.

    Args:
        path: the file or folder that shall be written.
        sources: files and folders that are being read; neither they nor what holds them is replaced.
    """
    for source in sources:
        if path.exists() and source.exists() and path.resolve() in (source.resolve(), *source.resolve().parents):
            raise ExportError(f"{path}: is what is being exported or its image; give another name")
    # The folder that is there already, in which missing ones are made.
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise ExportError(f"{path}: {above} is a file and no folder; choose another folder")
    for there in (above, path):
        if there.exists() and not os.access(there, os.W_OK):
            raise ExportError(f"{path}: {there} is write-protected; choose another folder or name")


@contextmanager
def folder_written_beside(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path`; it takes the place of `path` when the block ends well.

    After an error nothing new is left and what `path` held before stays. Use `check_folder` first.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:8]
    beside, before = (path.with_name(f".{path.stem}-{mark}{part}{path.suffix}") for part in ("", "-before"))
    beside.mkdir()
    try:
        yield beside
        if path.exists():
            os.replace(path, before)
        try:
            os.replace(beside, path)
        except OSError:
            if before.exists():
                os.replace(before, path)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if path.exists():
            shutil.rmtree(before, ignore_errors=True)
