"""The command `napari-sam2`: demo, segment, export, models.

Exit status: 0 done; 2 unusable arguments or input, with one line on standard error that says what and how to mend it;
130 interrupted, finished frames are kept. Everything heavy is imported by the command that needs it.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from napari_sam2 import __version__
from napari_sam2.cli import demo, export, models, segment
from napari_sam2.cli.progress import ProgressLine
from napari_sam2.cli.status import INTERRUPTED, UNUSABLE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # damaged files are reported by us, in one line
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, OSError) as error:  # every error of ours for the user is a ValueError
        return _complain(str(error))
    except MemoryError:
        return _complain("out of memory; choose a smaller model or fewer objects")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_complain(f"{message}; see {self.prog} --help"))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="napari-sam2", description="Click a cell once and get it in every frame.")
    parser.add_argument("--version", action="version", version=f"napari-sam2 {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    command = commands.add_parser("demo", help="show the whole job on a real recording")
    command.add_argument("--output", type=Path, default=Path("demo-output"), metavar="DIR", help="folder for results")
    command.add_argument("--gui", action="store_true", help="open the results in napari afterwards")
    command.add_argument("--offline", action="store_true", help="use a simulated recording, nothing is fetched")
    command.set_defaults(run=demo.run)

    command = commands.add_parser("segment", help="segment a stack from a file of prompts")
    command.add_argument("stack", type=Path, metavar="STACK", help="TIFF, zarr or npy; time, depth, channels, RGB")
    command.add_argument("--prompts", type=Path, required=True, metavar="P.json", help="what was clicked")
    command.add_argument("--output", type=Path, required=True, metavar="LABELS.tif", help="label stack to write")
    command.add_argument("--model", default="micro", help="name (see models list) or file of weights; %(default)s")
    command.add_argument("--axes", metavar="TYX", help="one letter per axis of STACK: T Z C Y X S (colour)")
    command.add_argument(
        "--index", type=_index, action="append", default=[], metavar="Z=0", help="plane of an axis; may be repeated"
    )
    looks = command.add_argument_group("which axes are followed")
    looks.add_argument("--along", metavar="Z", help="axis that counts frames; Y or X look at a z-stack from the side")
    looks.add_argument("--sweep", metavar="Z", help="follow objects through all planes of this axis too (4-D stacks)")
    looks.add_argument("--channel", type=_whole, metavar="N", help="look at one channel, from 0; as --index C=N")
    looks.add_argument(
        "--channels", metavar="COLOURS", help="show the axis C in colours, such as magenta,green; none leaves one out"
    )
    looks.add_argument(
        "--pixel-size", metavar="Z=1,Y=0.2", type=_sizes, help="sizes of pixels; from the file when left out"
    )
    looks.add_argument(
        "--level",
        type=_whole,
        metavar="N",
        help="resolution of a file with several; 0 is the finest. Left out: the finest whose frames take at most 1 GB",
    )
    looks.add_argument(
        "--no-ends",
        action="store_true",
        help="in depth, follow objects through all slices, such as vessels; micro ends them where they fade otherwise",
    )
    looks = command.add_argument_group("what the model sees")
    looks.add_argument(
        "--contrast",
        type=_contrast,
        metavar="LOW,HIGH",
        default=("auto", None),
        help="black and white for the whole stack, or: auto, percentiles, frame (each frame by itself, for bleaching)",
    )
    looks.add_argument("--gamma", type=float, default=1.0, help="below 1 lifts what is dim; %(default)s")
    looks.add_argument("--invert", action="store_true", help="dark objects on a light ground become light ones")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    command.add_argument("--direction", choices=("forward", "backward", "both"), default="both", help="%(default)s")
    command.set_defaults(run=segment.run)

    export.add_arguments(commands.add_parser("export", help="write labels in another format"))

    command = commands.add_parser("models", help="list, download, check or delete models, measure their speed")
    _add_model_actions(command.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=_Parser))
    return parser


def _add_model_actions(actions: Any) -> None:
    """The parsers of `napari-sam2 models ...`."""
    for action, run, text in (
        ("list", models.show, "all models and whether they are here"),
        ("download", models.download, "fetch a model into the cache folder; what broke off goes on"),
        ("verify", models.verify, "check the file of a model by its sha256"),
        ("delete", models.delete, "delete the file of a model from the cache folder"),
        ("speed", models.speed, "measure this computer and say how long each model would take"),
    ):
        command = actions.add_parser(action, help=text)
        if action not in ("list", "speed"):
            command.add_argument("name", metavar="NAME")
        if action == "speed":
            command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
        else:
            command.add_argument("--folder", type=Path, metavar="DIR", help="instead of the cache folder")
        if action == "download":
            command.add_argument(
                "--mirror", action="append", default=[], metavar="URL", help="address of a folder to try first"
            )
        command.set_defaults(run=run)


def _index(text: str) -> tuple[str, int]:
    axis, _, position = text.partition("=")
    if len(axis) != 1 or not position.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected an axis and a number, such as Z=0")
    return axis.upper(), int(position)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 0")
    return int(text)


def _sizes(text: str) -> dict[str, float]:
    """Sizes by axis."""
    try:
        pairs = [part.split("=") for part in text.split(",")]
        sizes = {axis.strip().upper(): float(size) for axis, size in pairs}
    except ValueError:
        sizes = {}
    if not sizes or not set(sizes) <= set("ZYX") or not all(0 < size < float("inf") for size in sizes.values()):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected sizes of Z, Y and X, such as Z=1,Y=0.2,X=0.2")
    return sizes


def _contrast(text: str) -> tuple[str, tuple[float, float] | None]:
    """The kind of a Contrast, and its limits."""
    if text in ("auto", "percentiles", "frame"):
        return text, None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected two numbers such as 200,4000, or auto, percentiles, frame"
        ) from error
    return "limits", (low, high)


def _complain(message: str) -> int:
    """Say in one line what is wrong."""
    ProgressLine.clear()
    print(f"napari-sam2: {' '.join(message.split())}", file=sys.stderr)
    return UNUSABLE
