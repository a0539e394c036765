"""`napari-sam2 segment`: a stack and a file of prompts in, a label stack out."""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from napari_sam2.cli.interrupt import interruptible
from napari_sam2.cli.models import load
from napari_sam2.cli.progress import ProgressLine
from napari_sam2.cli.status import DONE, INTERRUPTED
from napari_sam2.wording import counted

if TYPE_CHECKING:
    from napari_sam2.api import Direction, Progress
    from napari_sam2.session.prompts import ObjectPrompts
    from napari_sam2.session.stacks import Stack, View


def run(options: argparse.Namespace) -> int:
    """Segment; what was finished is written whatever happens."""
    from napari_sam2.session.prompts import read_prompts
    from napari_sam2.session.replay import session_view
    from napari_sam2.session.stacks import open_stack

    colours = _colours(options.channels)
    _check_output(options.output, options.stack)
    objects = read_prompts(options.prompts)
    view = session_view(options.prompts, options.stack, _view(options, colours))
    with open_stack(options.stack, view=view) as stack:
        from napari_sam2.export.labels import write_labels

        if stack.level != (view.level or 0):
            size = " x ".join(str(length) for length in stack.axes.frame_shape)
            print(f"resolution {stack.level}, {size} pixels; --level 0 takes the finest", file=sys.stderr, flush=True)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        # Labels wait on the disk beside the output, so that memory does not grow with the number of frames.
        with tempfile.TemporaryFile(dir=options.output.parent) as scratch:
            labels = _labels_on_disk(scratch, stack.labels_shape, objects)
            finished, trouble = _propagate(options, stack, view, colours, objects, labels)
            if finished:
                write_labels(options.output, labels, frame_axis=stack.letters[:-2])
            frames = stack.axes.frames
            del labels  # the file cannot be removed while it is mapped (Windows)
    ProgressLine.clear()
    kept = f"the {finished} finished frames are in {options.output}" if finished else "nothing was written"
    if isinstance(trouble, KeyboardInterrupt):
        print(f"interrupted; {kept}", file=sys.stderr)
        return INTERRUPTED
    if trouble is not None:
        raise ValueError(
            f"{_reason(trouble, options.prompts)}; {kept}" if finished else _reason(trouble, options.prompts)
        )
    print(f"{counted(len(objects), 'object')} in {counted(frames, 'frame')}: {options.output}")
    return DONE


def _view(options: argparse.Namespace, colours: "list[str] | None") -> "View":
    """What is to be seen of the file."""
    from napari_sam2.session.stacks import View

    return View(
        options.axes,
        {**dict(options.index), **({} if options.channel is None else {"C": options.channel})},
        along=options.along,
        sweep=options.sweep,
        channels=colours is not None,
        pixel_size=options.pixel_size,
        level=options.level,
    )


def _colours(text: str | None) -> "list[str] | None":
    """Colours of channels as the interface takes them, "" for one that is left out; None: no channels are composed."""
    if text is None:
        return None
    from napari_sam2.tracking.channels import colour_table

    colours = ["" if part.strip() == "none" else part.strip() for part in text.split(",")]
    for colour in filter(None, colours):
        colour_table(colour)
    return colours


def _labels_on_disk(scratch: IO[bytes], shape: tuple[int, ...], objects: "list[ObjectPrompts]") -> Any:
    """Zeros in a file."""
    import numpy as np

    from napari_sam2.api import label_dtype

    return np.memmap(scratch, label_dtype(objects), "w+", shape=shape)


def _propagate(
    options: argparse.Namespace,
    stack: "Stack",
    view: "View",
    colours: "list[str] | None",
    objects: "list[ObjectPrompts]",
    labels: Any,
) -> tuple[int, BaseException | None]:
    """Fill `labels`; returns how many frames were finished and what stopped it before the end, if anything."""
    from napari_sam2.api import segment_stack
    from napari_sam2.recalled import recall
    from napari_sam2.session.replay import session_image
    from napari_sam2.tracking import Contrast, TrackerOptions

    finished: set[int] = set()
    direction: Direction = options.direction
    try:
        kind, limits = options.contrast
        contrast = Contrast(kind, limits, gamma=options.gamma, invert=options.invert)
        model = load(options.model, options.device)
        line = ProgressLine(unit="results")

        def note(step: "Progress") -> None:
            finished.add(step.result.frame)
            line(step.done, step.total)
            check()

        with ExitStack() as files, interruptible() as check:
            # What is said on the command line counts, not what was seen in a session.
            told = contrast != Contrast() or colours is not None
            session = session_image(options.prompts)
            ends = False if options.no_ends else None if session is None else session.ends
            segment_stack(
                stack,
                objects,
                model,
                direction=direction,
                options=TrackerOptions(contrast=contrast, ends=ends),
                colours=colours,
                seen=None if told else recall(options.prompts, stack, view, files),
                out=labels,
                progress=note,
                foreseen=lambda found: print(found, file=sys.stderr, flush=True),
            )
    except (KeyboardInterrupt, ValueError, OSError, MemoryError) as trouble:
        return len(finished), trouble
    except RuntimeError as trouble:
        if "memory" not in str(trouble):  # torch has no type of its own for what the CPU cannot hold
            raise
        return len(finished), MemoryError()
    return len(finished), None


def _reason(trouble: BaseException, prompts: Path) -> str:
    """What to tell the user."""
    from napari_sam2.session.prompts import PromptsError

    if isinstance(trouble, MemoryError):
        return "out of memory; choose a smaller model, --device cpu or fewer objects"
    return f"{prompts}: {trouble}" if isinstance(trouble, PromptsError) else str(trouble)


def _check_output(output: Path, stack: Path) -> None:
    """Find out before the long run what would go wrong after it."""
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"--output {output}: labels are written as TIFF; give a name that ends in .tif")
    if output.is_dir():
        raise ValueError(f"--output {output}: is a folder; give the name of a file")
    if output.exists() and stack.exists() and output.samefile(stack):
        raise ValueError(f"--output {output}: is the stack itself; give another name")
