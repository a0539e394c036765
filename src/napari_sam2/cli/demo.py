"""`napari-sam2 demo`: the whole job on a real recording."""

import argparse
from typing import TYPE_CHECKING

from napari_sam2.cli.progress import ProgressLine
from napari_sam2.cli.status import DONE

if TYPE_CHECKING:
    from napari_sam2.demo.run import DemoReport


def run(options: argparse.Namespace) -> int:
    """Run the demonstration and say what was done."""
    from napari_sam2.demo.run import choose_stack, run_demo

    def missing(reason: str) -> None:
        ProgressLine.clear()
        print(f"The real recording is not to be had ({reason}); a simulated one is used instead.")

    if not options.offline:
        print("Getting the recording (about 50 MB the first time) ...", flush=True)
    data = choose_stack(missing, offline=options.offline, progress=ProgressLine(scale=1e6, unit="MB"))
    ProgressLine.clear()
    frames, height, width = data.stack.shape
    print(f"{data.title}: {frames} frames of {height} x {width} pixels.")
    print(
        f"One click on each of {len(data.objects)} objects in frame 0, carried forward by the model micro ...",
        flush=True,
    )
    line = ProgressLine(unit="frames")
    report = run_demo(data, options.output, progress=lambda step: line(step.done, step.total))
    ProgressLine.clear()
    _describe(report)
    if options.gui:
        _show(report)
    return DONE


def _describe(report: "DemoReport") -> None:
    import numpy as np

    last = len(np.unique(report.labels[-1])) - 1
    frames = report.labels.shape[0]
    print(
        f"Done in {report.seconds:.1f} s, {report.seconds / frames:.2f} s per frame; "
        f"{last} of {len(report.data.objects)} objects are there in the last frame."
    )
    for what, file in (
        ("picture over time", report.files.overlay),
        ("labels", report.files.labels),
        ("table", report.files.table),
        ("prompts", report.files.prompts),
        ("stack", report.files.stack),
    ):
        print(f"  {what + ':':18} {file}")
    again = f"{report.files.stack} --prompts {report.files.prompts} --output again.tif"
    print(f"The same by hand: napari-sam2 segment {again}")


def _show(report: "DemoReport") -> None:
    """Open napari with the results and the plugin's widget; returns when the window is closed."""
    try:
        import napari

        viewer = napari.Viewer(title="napari-sam2 demo")
    except ImportError as error:
        raise ValueError('the window needs Qt; install it with pip install "napari-sam2[all]"') from error
    viewer.add_image(report.data.stack, name="recording")
    viewer.add_labels(report.labels, name="SAM 2 objects")
    viewer.window.add_plugin_dock_widget("napari-sam2", "Segment stack")
    napari.run()
