"""Running the demonstration and writing its results."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from napari_sam2.api import Progress, segment_stack
from napari_sam2.demo.recording import DemoStack, RecordingError, hela
from napari_sam2.demo.simulated import simulated
from napari_sam2.export.labels import write_labels
from napari_sam2.export.measure import measure
from napari_sam2.export.overlay import Layout, draw_overlay, spread_frames
from napari_sam2.export.results import Results
from napari_sam2.export.table import write_table
from napari_sam2.files import written_beside
from napari_sam2.sam2 import Sam2
from napari_sam2.session.prompts import write_prompts

PANELS = 5


@dataclass(frozen=True)
class DemoFiles:
    """What the demonstration leaves in its folder."""

    stack: Path
    prompts: Path
    labels: Path
    table: Path
    overlay: Path


@dataclass(frozen=True)
class DemoReport:
    """What was done: on which stack, in how many seconds, into which files."""

    data: DemoStack
    labels: Any
    seconds: float
    files: DemoFiles


def choose_stack(
    on_missing: Callable[[str], None],
    *,
    offline: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> DemoStack:
    """The real recording, or the simulated one without a network; `on_missing` is told the reason.

    `progress` is called with (bytes so far, bytes in all) while the recording is fetched.
    """
    if offline:
        return simulated()
    try:
        return hela(progress)
    except RecordingError as error:
        on_missing(str(error))
        return simulated()


def run_demo(
    data: DemoStack,
    folder: Path,
    *,
    model: str | Sam2 = "micro",
    progress: Callable[[Progress], None] | None = None,
) -> DemoReport:
    """Carry every clicked object forward through the stack and write labels, picture, table, prompts and the stack.

    Raises:
        ModelError: the model cannot be loaded.
        OSError: the folder cannot be written.
    """
    scores: dict[tuple[int, int], float] = {}

    def note(step: Progress) -> None:
        for identity, score in zip(step.result.object_ids, step.result.predicted_ious.tolist(), strict=True):
            scores[identity, step.result.frame] = score
        if progress is not None:
            progress(step)

    files = DemoFiles(
        folder / "stack.tif",
        folder / "prompts.json",
        folder / "labels.tif",
        folder / "table.csv",
        folder / "overlay.png",
    )
    write_prompts(files.prompts, data.objects)
    with written_beside(files.stack) as beside:
        tifffile.imwrite(beside, data.stack, photometric="minisblack", metadata={"axes": "TYX"})
    started = time.perf_counter()
    labels = segment_stack(data.stack, data.objects, model, direction="forward", progress=note)
    seconds = time.perf_counter() - started
    report = DemoReport(data, labels, seconds, files)
    write_labels(files.labels, labels)
    results = Results(labels, scores=scores)
    write_table(files.table, results, measure(results))
    _draw(report)
    return report


def _draw(report: DemoReport) -> None:
    frames = spread_frames(report.labels.shape[0], PANELS)
    clicks = [point for item in report.data.objects for prompt in item.prompts for point in prompt.points]
    draw_overlay(
        report.files.overlay,
        report.data.stack,
        report.labels,
        Layout(frames, columns=len(frames)),
        title=f"One click per object in frame 0 (white dots), carried through {report.labels.shape[0]} frames. "
        f"{report.data.title[0].upper()}{report.data.title[1:]}",
        clicks={0: clicks},
    )
