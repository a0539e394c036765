"""Make the pictures of the documentation with the real widget and the real recording of the demonstration.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_screenshots.py

Needs napari with Qt, and the recording (fetched once).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from napari_sam2.demo.recording import hela
from napari_sam2.ui.widget import SegmentStackWidget

IMAGES = Path(__file__).with_name("images")
PATIENCE = 300.0


def wait(done: Callable[[], bool]) -> None:
    """Let Qt work until something is done."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("the widget did not come to rest")
        QApplication.processEvents()
        time.sleep(0.01)
    for _ in range(30):
        QApplication.processEvents()
        time.sleep(0.01)


def main() -> None:
    """Open the recording, click cells, propagate; a picture of each state."""
    IMAGES.mkdir(exist_ok=True)
    data = hela()
    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    low, high = 32990, 34600
    viewer.add_image(data.stack, name="HeLa", contrast_limits=(low, high), colormap="gray")
    widget = SegmentStackWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment stack", area="right")
    viewer.dims.set_current_step(0, 0)
    control = widget.controller

    def resting() -> bool:
        return not (control.previews.waiting or control.propagation.running or control.loading.busy)

    def shoot(name: str) -> None:
        wait(resting)
        viewer.screenshot(str(IMAGES / f"{name}.png"), canvas_only=False, flash=False)

    wait(lambda: "SAM 2 points" in viewer.layers)
    shoot("first-run")
    points = viewer.layers["SAM 2 points"]
    for number, item in enumerate(data.objects):
        if number:
            control.new_object()
        y, x = item.prompts[0].points[0]
        points.add([0, y, x])
        wait(resting)
        if number == 0:
            shoot("first-click")
    shoot("clicked")
    control.propagate("forward", 0, data.stack.shape[0] - 1)
    shown = []

    def halfway(plane: object, frame: int, result: object) -> None:
        shown.append(frame)

    control.propagation.advanced.connect(halfway)
    wait(lambda: len(shown) >= 8 or resting())
    viewer.screenshot(str(IMAGES / "propagating.png"), canvas_only=False, flash=False)
    wait(resting)
    viewer.dims.set_current_step(0, 12)
    shoot("segment-stack")
    viewer.close()


if __name__ == "__main__":
    main()
