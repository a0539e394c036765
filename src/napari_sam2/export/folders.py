"""Folders that appear whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
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
