"""A folder as the Cell Tracking Challenge wants it: maskNNN.tif for every frame, and res_track.txt."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile

from napari_sam2.export.errors import ExportError, some
from napari_sam2.export.folders import check_folder, folder_written_beside
from napari_sam2.export.measure import Measurements
from napari_sam2.export.results import ExportOptions, Progress, Results
from napari_sam2.export.tracks import Track, relabelled, renumbered, track_ids, tracks_of

WHAT = "a Cell Tracking Challenge folder"
_LARGEST = 2**16 - 1
_OURS = re.compile(r"mask\d{3,}\.tif|res_track\.txt")


def write_ctc(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write the folder. Each line of res_track.txt is: track, first frame, last frame, parent or 0.

    With `options.split` an object with gaps becomes several tracks, each the parent of the next, and a parent that goes
    on beside its child ends where the child begins.

    Raises:
        ExportError: slices instead of time, no object, gaps, a parent beside its child, two parents, or a number above
            65,535; what can be done is in the message, and `offer` names the option.
        OSError: the folder cannot be written; what was there before stays.
    """
    check_folder(path, is_ours, WHAT)
    tracks = ctc_tracks(results, measured, options)
    ids = track_ids(tracks, results.count)
    digits = max(3, len(str(results.count - 1)))
    with folder_written_beside(path) as folder:
        for index in range(results.count):
            frame = relabelled(results.frame(index), ids[index], np.uint16)
            tifffile.imwrite(folder / f"mask{index:0{digits}}.tif", frame, compression="zlib", photometric="minisblack")
            progress(index + 1, results.count)
        lines = [f"{track.id} {track.first} {track.last} {(*track.parents, 0)[0]}\n" for track in tracks]
        (folder / "res_track.txt").write_text("".join(lines), encoding="ascii", newline="\n")
    return [path]


def is_ours(folder: Path) -> bool:
    """Whether a folder holds nothing but such results."""
    return all(_OURS.fullmatch(item.name) and item.is_file() for item in folder.iterdir())


def ctc_tracks(results: Results, measured: Measurements, options: ExportOptions) -> list[Track]:
    """The tracks as the format can hold them. Raises ExportError, see `write_ctc`."""
    if results.frame_axis != "T":
        raise ExportError(
            f"{WHAT} holds frames over time, these are slices (axis Z); export OME-TIFF or OME-Zarr, or name the axis T"
        )
    if not len(measured):
        raise ExportError(f"{WHAT} cannot be empty, and no frame has an object; segment something first")
    tracks = tracks_of(measured, results.parents, gaps=False)
    if not options.split:
        _refuse_split(tracks, results)
    fused = sorted(track.object for track in tracks if len(track.parents) > 1)
    if fused:
        raise ExportError(
            f"{WHAT} has one parent per track, {some(fused)} has several; export GEFF, or remove a parent"
        )
    if tracks[-1].id > _LARGEST:
        if not options.renumber:
            raise ExportError(
                f"{WHAT} has numbers up to {_LARGEST}, there is {tracks[-1].id}; renumber the tracks", "renumber"
            )
        if len(tracks) > _LARGEST:
            raise ExportError(f"{WHAT} holds {_LARGEST} tracks, there are {len(tracks)}; export GEFF or OME-TIFF")
    return renumbered(tracks) if options.renumber else tracks


def _refuse_split(tracks: Sequence[Track], results: Results) -> None:
    """Raise ExportError where an object is more than one track."""
    later = [track for track in tracks if track.id != track.object]
    if not later:
        return
    ends = {track.id: track.last for track in tracks}
    gaps = sorted({track.object for track in later if ends[track.parents[0]] < track.first - 1})
    beside = sorted({track.object for track in later} - set(gaps))
    reason = f"{some(gaps)} is absent in between" if gaps else f"{some(beside)} goes on beside its own child"
    raise ExportError(
        f"{WHAT} has tracks without gaps that end at a division, but {reason}; "
        "split such objects into tracks linked as parent and child",
        "split",
    )
