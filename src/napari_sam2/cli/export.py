"""`napari-sam2 export`: labels in, any format out."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_sam2.cli.progress import ProgressLine
from napari_sam2.cli.status import DONE

if TYPE_CHECKING:
    from napari_sam2.export.results import Results

_OPTIONS = {"split": "--split", "renumber": "--renumber"}


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
    command.add_argument("--with-image", action="store_true", help="ome-zarr: write the image too")
    command.add_argument("--split", action="store_true", help="ctc: make tracks of objects with gaps or children")
    command.add_argument("--renumber", action="store_true", help="ctc: number tracks 1, 2, 3, ...")
    command.add_argument("--pixel-size", type=_size, metavar="0.5um", help="of y and x; default: what the file says")
    command.add_argument("--frame-step", type=_size, metavar="30s", help="time between frames, or distance of slices")
    command.add_argument("--fps", type=_positive, default=5.0, help="frames per second of movies; %(default)s")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the labels in another format and say where they are."""
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
    print(f"{results.count} frames: {', '.join(str(path) for path in written)}")
    return DONE


def _names() -> list[str]:
    # Written out, because importing the formats takes longer than --help may.
    return ["ome-tiff", "ome-zarr", "csv", "ctc", "geff", "imagej", "coco", "sav", "gif", "movie-tiff"]


@contextmanager
def _opened(options: argparse.Namespace) -> "Iterator[Results]":
    """The labels with all that is known of them; they can be read until the block ends."""
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
            array, frame_axis = _arranged(files, options.labels, options.axes)
            sizes = calibration_of(options.labels, frame_axis, volumes=len(array.shape) == 4)
            results = Results(array, frame_axis, calibration=sizes, title=options.labels.name.split(".")[0])
        if options.image is not None:
            results = replace(results, channels=_channels(files, options.image, len(results.axes)))
        yield _calibrated(results, options)


def _arranged(files: ExitStack, path: Path, axes: str | None) -> tuple[Any, Literal["T", "Z"]]:
    """Labels as (frames, y, x) or (t, z, y, x), and what the frames are."""
    from napari_sam2.session.stack_sources import open_source
    from napari_sam2.session.stacks import StackError

    array, found = files.enter_context(open_source(path))
    letters = (axes or found or "").upper()
    if axes and len(axes) != len(array.shape):
        raise StackError(f"{path}: axes {letters} name {len(letters)} axes, but the labels have shape {array.shape}")
    if not {"Y", "X"} <= set(letters) or set(letters) - set("TZYXCQS"):
        letters = {2: "YX", 3: "TYX", 4: "TZYX"}.get(len(array.shape), "")
    if len(letters) == 3 and set("YX") < set(letters) and not set(letters) & set("TZ"):
        letters = "".join("T" if letter not in "YX" else letter for letter in letters)
    for place in reversed(range(len(letters))):
        if array.shape[place] == 1 and letters[place] not in "YX":
            array, letters = array[(*[slice(None)] * place, 0)], letters[:place] + letters[place + 1 :]
    if sorted(letters) not in (sorted("YX"), sorted("TYX"), sorted("ZYX"), sorted("TZYX")):
        raise StackError(f"{path}: the axes of shape {array.shape} are not known; name them, for example --axes TZYX")
    array = array.transpose([letters.index(letter) for letter in "TZYX" if letter in letters])
    if "T" not in letters and "Z" not in letters:
        array = array[None]
    return array, "Z" if letters.count("Z") and not letters.count("T") else "T"


def _channels(files: ExitStack, path: Path, ndim: int) -> Any:
    """The image as one channel, or as one per colour."""
    from napari_sam2.export.results import Channel

    if ndim == 4:
        array, _ = _arranged(files, path, None)
        return (Channel(path.stem, array),)
    from napari_sam2.session.stacks import open_stack

    array = files.enter_context(open_stack(path)).array
    if len(array.shape) == 3:
        return (Channel(path.stem, array),)
    colours = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    names = ("red", "green", "blue")
    return tuple(
        Channel(name, array[..., place], colours[place], (0, 255) if array.dtype.itemsize == 1 else None)
        for place, name in enumerate(names)
    )


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
