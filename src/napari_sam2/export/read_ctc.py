"""Reading a Cell Tracking Challenge folder: masks frame by frame, and which track came from which."""

import re
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import tifffile
from dask.delayed import delayed

from napari_sam2.export.errors import ExportError
from napari_sam2.export.results import Results

_TRACKS = ("res_track.txt", "man_track.txt")
_MASK = re.compile(r"(mask|man_track)(\d{3,})\.tif", re.IGNORECASE)


def is_ctc(folder: Path) -> bool:
    """Whether a folder has a table of tracks: results (res_track.txt) or truth (man_track.txt), perhaps in its TRA."""
    return _table(folder) is not None


def _table(folder: Path) -> Path | None:
    """The table of tracks that says that a folder is one of the challenge."""
    tables = (place / name for place in (folder, folder / "TRA") for name in _TRACKS)
    return next((table for table in tables if table.is_file()), None)


def read_ctc(folder: Path) -> Results:
    """The labels, read frame by frame when they are looked at, and the lineage of a folder.

    Args:
        folder: of results (01_RES) or of truth (01_GT or the TRA in it).

    Raises:
        ExportError: no table, no masks, frames that are missing or differ, or a line of the table that cannot be read.
    """
    table = _table(folder)
    if table is None:
        raise ExportError(f"{folder}: has no table of tracks (res_track.txt or man_track.txt)")
    files = {}
    for file in table.parent.iterdir():
        if found := _MASK.fullmatch(file.name):
            files[int(found[2])] = file
    missing = sorted(set(range(max(files, default=-1) + 1)) - set(files))
    if not files or missing:
        which = f"frame {missing[0]} is" if files else "masks (mask000.tif, ...) are"
        raise ExportError(
            f"{folder}: {which} missing; a Cell Tracking Challenge folder has one mask per frame from 000"
        )
    parents = {track: (parent,) for track, _, _, parent in _rows(table) if parent}
    return Results(_stack([files[frame] for frame in sorted(files)]), parents=parents, title=folder.name)


def _rows(table: Path) -> list[tuple[int, ...]]:
    """Lines of track, first frame, last frame, parent."""
    rows = []
    for number, line in enumerate(table.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        parts = line.split()
        if len(parts) == 4 and all(part.isdecimal() for part in parts):
            rows.append(tuple(int(part) for part in parts))
        elif parts:
            raise ExportError(
                f"{table}: line {number} is {line[:40]!r}, expected four whole numbers: track, first frame, "
                "last frame, parent or 0"
            )
    return rows


def _stack(files: list[Path]) -> Any:
    """One lazy block per file."""
    first = _read(files[0], None)
    blocks = [
        dask.array.from_delayed(delayed(_read)(file, first.shape), first.shape, first.dtype)[None] for file in files
    ]
    return dask.array.concatenate(blocks)


def _read(file: Path, shape: tuple[int, ...] | None) -> Any:
    try:
        mask = tifffile.imread(file)
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise ExportError(f"{file}: is damaged or no TIFF; write it again") from error
    if mask.dtype.kind not in "ui" or mask.ndim not in (2, 3) or (shape is not None and mask.shape != shape):
        expected = "a mask of whole numbers" if shape is None else f"shape {shape}, as the first frame"
        raise ExportError(f"{file}: holds {mask.dtype} of shape {mask.shape}, expected {expected}")
    return np.asarray(mask)
