"""`napari-sam2 export`: labels in, any format out."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.cli.progress import ProgressLine
from napari_sam2.cli.status import DONE
from napari_sam2.wording import counted

if TYPE_CHECKING:
    from napari_sam2.export.results import Results

_OPTIONS = {"split": "--split", "renumber": "--renumber"}
_LINEAGE = ("ctc", "geff")
"""Formats that are about who came from whom."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.add_argument(
        "labels",
        type=Path,
        metavar="LABELS",
        help="TIFF, zarr, npy, a session folder or a Cell Tracking Challenge folder",
    )
    command.add_argument("--format", required=True, metavar="NAME", help="; ".join(_names()))
    command.add_argument("--output", type=Path, required=True, metavar="PATH", help="file or folder to write")
    command.add_argument("--axes", metavar="TYX", help="one letter per axis of LABELS: T Z Y X")
    command.add_argument("--image", type=Path, help="the stack that was segmented, for intensities and pictures")
    command.add_argument(
        "--channel",
        type=int,
        action="append",
        metavar="N",
        help="channel of the image, from 0; may be repeated; all of them when left out",
    )
    command.add_argument("--with-image", action="store_true", help="ome-zarr: write the image too")
    command.add_argument("--split", action="store_true", help="ctc: make tracks of objects with gaps or children")
    command.add_argument("--renumber", action="store_true", help="ctc: number tracks 1, 2, 3, ...")
    command.add_argument("--pixel-size", type=_size, metavar="0.5um", help="of y and x; default: what the file says")
    command.add_argument("--frame-step", type=_size, metavar="30s", help="time between frames, or distance of slices")
    command.add_argument("--fps", type=_positive, default=5.0, help="frames per second of movies; %(default)s")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the labels in another format and say where they are."""
    from napari_sam2.export.calibration import TURNED
    from napari_sam2.export.errors import ExportError
    from napari_sam2.export.formats import export_results
    from napari_sam2.export.results import ExportOptions

    choices = ExportOptions(options.split, options.renumber, options.fps, options.with_image)
    with _opened(options) as results:
        try:
            written = export_results(options.output, results, options.format, choices, ProgressLine(unit="steps"))
        except ExportError as error:
            if error.offer is None:
                raise
            raise ExportError(f"{error} ({_OPTIONS[error.offer]})") from error
    ProgressLine.clear()
    if results.calibration.turned:
        print(TURNED, file=sys.stderr)
    if options.format in _LINEAGE and not results.parents:
        print(f"{options.labels}: {_no_lineage(options.labels)}", file=sys.stderr)
    print(f"{counted(results.count, 'frame')}: {', '.join(str(path) for path in written)}")
    return DONE


def _no_lineage(labels: Path) -> str:
    from napari_sam2.export.read_ctc import is_ctc
    from napari_sam2.result_sources import is_session

    if is_session(labels) or is_ctc(labels):
        return "no object has a parent, so every object is a lineage of its own"
    return (
        "a plain label image says nothing of divisions, so every object is a lineage of its own; give the folder of a "
        "session or of the Cell Tracking Challenge to carry them along"
    )


def _names() -> list[str]:
    # Written out, because importing the formats takes longer than --help may.
    return ["ome-tiff", "ome-zarr", "csv", "ctc", "geff", "imagej", "coco", "sav", "gif", "movie-tiff"]


@contextmanager
def _opened(options: argparse.Namespace) -> "Iterator[Results]":
    """The labels with all that is known of them; they can be read until the block ends."""
    from napari_sam2.cli.export_files import channels_of, label_stack
    from napari_sam2.export.file_calibration import calibration_of
    from napari_sam2.export.read_ctc import is_ctc, read_ctc
    from napari_sam2.export.results import Results
    from napari_sam2.result_sources import is_session, session_results

    with ExitStack() as files:
        if is_session(options.labels):
            results = session_results(options.labels)
        elif is_ctc(options.labels):
            results = read_ctc(options.labels)
        else:
            array, frame_axis = label_stack(files, options.labels, options.axes)
            sizes = calibration_of(options.labels, frame_axis, volumes=len(array.shape) == 4)
            results = Results(array, frame_axis, calibration=sizes, title=options.labels.name.split(".")[0])
        if options.image is not None:
            shape = tuple(results.labels.shape)
            results = replace(results, channels=channels_of(files, options.image, options.channel, shape))
        sources = (options.labels, *([] if options.image is None else [options.image]))
        yield _calibrated(replace(results, sources=sources), options)


def _calibrated(results: "Results", options: argparse.Namespace) -> "Results":
    from napari_sam2.export.calibration import is_time, unit_name

    sizes = results.calibration
    if options.pixel_size is not None:
        size, unit = options.pixel_size
        name = unit_name(unit)
        if name is None or is_time(name):
            raise ValueError(f"--pixel-size: {unit!r} is no unit of length; give for example 0.5um")
        depth = sizes.pixel_size[:-2]
        sizes = replace(sizes, pixel_size=(*depth, size, size), space_unit=name)
    if options.frame_step is not None:
        size, unit = options.frame_step
        name = unit_name(unit)
        if name is None or is_time(name) != (results.frame_axis == "T"):
            kind, example = ("time", "30s") if results.frame_axis == "T" else ("length", "2um")
            raise ValueError(f"--frame-step: {unit!r} is no unit of {kind}; give for example {example}")
        sizes = replace(sizes, frame_step=size, frame_unit=name)
    return replace(results, calibration=sizes)


def _size(text: str) -> tuple[float, str]:
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzµμ ")
    return _positive(number), text[len(number) :].strip()


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number above 0, with a unit where there is one")
    return value
