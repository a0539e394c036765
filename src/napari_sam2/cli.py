"""The command line: segment a stack from a prompts file, see a demonstration, manage models.

Exit status: 0 done; 2 unusable arguments or input, with one line on standard error that says what and how to mend it;
130 interrupted, with the finished frames kept.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from napari_sam2 import __version__

if TYPE_CHECKING:
    from napari_sam2.api import Progress
    from napari_sam2.demo.run import DemoReport

DONE, UNUSABLE, INTERRUPTED = 0, 2, 130
TIFF = (".tif", ".tiff")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the usage and a line."""
        self.exit(UNUSABLE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """The arguments of ``napari-sam2``."""
    top = _Parser(prog="napari-sam2", description="Click a cell once and get it in every frame.")
    top.add_argument("--version", action="version", version=f"napari-sam2 {__version__}")
    commands = top.add_subparsers(dest="command", required=True, parser_class=_Parser)

    demo = commands.add_parser("demo", help="a real recording, the bundled model: labels, a picture, a table")
    demo.add_argument("--output", type=Path, default=Path("demo-output"), metavar="DIR", help="folder for the results")
    demo.add_argument("--gui", action="store_true", help="show the results in napari")
    demo.add_argument("--offline", action="store_true", help="simulated data, nothing is fetched")
    demo.set_defaults(run=_demo)

    segment = commands.add_parser("segment", help="carry prompted objects through a stack")
    segment.add_argument("stack", type=Path, metavar="STACK", help="TIFF, zarr or npy")
    segment.add_argument("--prompts", type=Path, required=True, metavar="P.json", help="prompts file")
    segment.add_argument("--output", type=Path, required=True, metavar="LABELS.tif", help="labels to write")
    segment.add_argument("--model", default="micro", help="micro, a published name, or a file of weights")
    segment.add_argument("--axes", help="one letter per axis of the file, such as TYX, ZYX or TYXS")
    segment.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    segment.add_argument("--direction", default="both", choices=("both", "forward", "backward"))
    segment.set_defaults(run=_segment)

    models = commands.add_parser("models", help="list, download or verify models")
    actions = models.add_subparsers(dest="action", required=True, parser_class=_Parser)
    actions.add_parser("list", help="every model and whether it is here").set_defaults(run=_list)
    for name, run, text in (
        ("download", _download, "fetch a published model once"),
        ("verify", _verify, "compare a downloaded model with its published checksum"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("name", metavar="NAME")
        action.set_defaults(run=run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        return _say_interrupted("nothing was written")
    except (ValueError, OSError) as error:
        # Errors of the package are ValueErrors of one line, made for the user.
        return _refuse(str(error))
    except MemoryError:
        return _refuse("out of memory; choose a smaller model or fewer objects")
    return status


def _refuse(message: str) -> int:
    print("napari-sam2:", " ".join(message.split()), file=sys.stderr)
    return UNUSABLE


def _say_interrupted(message: str) -> int:
    print(f"\nnapari-sam2: interrupted; {message}", file=sys.stderr)
    return INTERRUPTED


class ProgressLine:
    """One line on standard error that is written over, with the remaining time."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._shown = False

    def __call__(self, step: Progress) -> None:
        left = (time.monotonic() - self._started) * (step.total - step.done) / step.done
        end = "" if sys.stderr.isatty() else "\n"
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        if start or step.done in (1, step.total) or step.done % 10 == 0:
            text = f"frame {step.result.frame}, {step.done} of {step.total}, {clock(left)} left"
            print(f"{start}{text}", end=end, file=sys.stderr, flush=True)
            self._shown = bool(start)

    def close(self) -> None:
        """End the line."""
        if self._shown:
            print(file=sys.stderr)


def clock(seconds: float) -> str:
    """Minutes and seconds as 1:05, with hours where there are any."""
    whole = round(seconds)
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _segment(options: argparse.Namespace) -> int:
    from napari_sam2.api import as_objects, new_labels, segment_stack
    from napari_sam2.export.labels import write_labels
    from napari_sam2.session.stacks import open_stack

    output: Path = options.output
    if output.suffix.lower() not in TIFF:
        return _refuse(f"{output} is no TIFF file; give --output a name that ends in .tif")
    if not output.absolute().parent.is_dir():
        return _refuse(f"there is no folder {output.absolute().parent}; make it first")
    if output.exists() and output.samefile(options.stack):
        return _refuse(f"{output} is the stack itself; give --output another name")
    objects = as_objects(options.prompts)
    line, done = ProgressLine(), 0

    def progress(step: Progress) -> None:
        nonlocal done
        done = step.done
        line(step)

    with open_stack(options.stack, axes=options.axes) as stack:
        labels = new_labels(stack.array, objects)
        try:
            segment_stack(
                stack.array,
                objects,
                options.model,
                device=options.device,
                direction=options.direction,
                out=labels,
                progress=progress,
            )
        except KeyboardInterrupt:
            if not done:
                raise
            write_labels(output, labels, frame_axis=stack.frame_axis)
            return _say_interrupted(f"the finished frames are in {output}")
        finally:
            line.close()
        write_labels(output, labels, frame_axis=stack.frame_axis)
    print(f"{len(objects)} object{'s' if len(objects) != 1 else ''} in {labels.shape[0]} frames: {output}")
    return DONE


def _demo(options: argparse.Namespace) -> int:
    from napari_sam2.demo.run import choose_stack, run_demo

    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)

    def simulate(reason: str) -> None:
        print(f"The real recording is not to be had ({reason}): this runs on simulated nuclei.")

    if not options.offline:
        print("Fetching a real recording (once, about 50 MB) ...", flush=True)
    data = choose_stack(simulate, offline=options.offline)
    print(f"Stack: {data.title}, {' x '.join(map(str, data.stack.shape))} (frames, y, x) {data.stack.dtype}.")
    print(f"One click on each of {len(data.objects)} cells of frame 0, then `micro` carries them through.", flush=True)
    line = ProgressLine()
    try:
        report = run_demo(data, folder, progress=line)
    finally:
        line.close()
    _say_report(report)
    if options.gui:
        _show(report)
    return DONE


def _say_report(report: DemoReport) -> None:
    frames = report.labels.shape[0]
    rate = len(report.data.objects) * frames / report.seconds
    print(
        f"Segmented {len(report.data.objects)} cells in {frames} frames in {report.seconds:.1f} s "
        f"({rate:.0f} masks per second)."
    )
    for name, text in (
        ("overlay", "the cells over time"),
        ("labels", "labels, 0 is background"),
        ("table", "object, frame, area, centroid, score"),
        ("prompts", "the clicks"),
        ("stack", "the images"),
    ):
        print(f"  {getattr(report.files, name).resolve()}  ({text})")


def _show(report: DemoReport) -> None:
    import napari

    viewer: Any = napari.Viewer()
    viewer.add_image(report.data.stack, name="stack")
    viewer.add_labels(report.labels, name="SAM 2 objects")
    viewer.dims.set_current_step(0, 0)
    napari.run()


def _list(_: argparse.Namespace) -> int:
    from napari_sam2.weights import registry
    from napari_sam2.weights.download import cache_folder, cached_file

    print(f"{registry.BUNDLED:24} bundled, works offline")
    for name in registry.PUBLISHED:
        here = cached_file(registry.published(name)).is_file()
        print(f"{name:24} {'downloaded' if here else 'napari-sam2 models download ' + name}")
    print(f"Downloads are kept in {cache_folder()}")
    return DONE


def _download(options: argparse.Namespace) -> int:
    from napari_sam2.weights.download import fetch

    print(fetch(options.name, progress=_percent()))
    return DONE


def _verify(options: argparse.Namespace) -> int:
    from napari_sam2.weights import registry
    from napari_sam2.weights.download import cached_file, is_intact

    model = registry.published(options.name)
    file = cached_file(model)
    if not file.is_file():
        return _refuse(f"{options.name} is not here; fetch it with: napari-sam2 models download {options.name}")
    if not is_intact(file, model):
        return _refuse(f"{file} does not have the published checksum; delete it and download it again")
    print(f"{file} is intact")
    return DONE


def _percent() -> Callable[[int, int | None], None]:
    shown = -1

    def show(done: int, total: int | None) -> None:
        nonlocal shown
        step = done * 10 // total if total else done >> 24
        if step != shown:
            shown = step
            text = f"{step * 10} %" if total else f"{done >> 20} MB"
            print(text, file=sys.stderr, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main())
