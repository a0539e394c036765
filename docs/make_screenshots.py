"""Make the pictures of the documentation with the real widget and the real recording of the demonstration.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_screenshots.py

Needs napari with Qt, and the recording (fetched once).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QApplication

from napari_sam2.demo.recording import DemoStack, hela
from napari_sam2.session.autosave import sessions_folder
from napari_sam2.ui.widget import SegmentStackWidget

IMAGES = Path(__file__).with_name("images")
PATIENCE = 600.0  # seconds

# A cell has divided, and its object goes on as one of the daughters. A box makes the other one an object, too.
FRAME = 12
DAUGHTER = (262, 242, 287, 266)  # (y0, x0, y1, x1)


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


class Desk:
    """The recording in a viewer of 1280 x 800 with the widget docked."""

    def __init__(self, data: DemoStack) -> None:
        self.viewer = napari.Viewer()
        self.viewer.window.resize(1280, 800)
        self.viewer.add_image(
            data.stack, name="HeLa", contrast_limits=(32990, 34600), colormap="gray", axis_labels=("t", "y", "x")
        )
        widget = SegmentStackWidget(self.viewer)
        self.viewer.window.add_dock_widget(widget, name="Segment stack", area="right")
        self.control = widget.controller
        self.widget = widget
        self.models = widget.models
        self.go_to(0)

    def go_to(self, frame: int) -> None:
        """Turn to a frame."""
        self.viewer.dims.set_current_step(0, frame)

    def click(self, frame: int, y: float, x: float) -> None:
        """Click at (y, x) data pixels and wait for the mask."""
        self.viewer.layers["SAM 2 points"].add([frame, y, x])
        wait(self.resting)

    def resting(self) -> bool:
        """Whether nothing is on its way."""
        control = self.control
        return not (control.previews.waiting or control.propagation.running or control.loading.busy)

    def shoot(self, name: str) -> None:
        """Save the whole window."""
        self.viewer.screenshot(str(IMAGES / f"{name}.png"), canvas_only=False, flash=False)

    def shoot_models(self) -> None:
        """Save the model manager, once it knows how fast this computer is."""
        self.models.open_manager()
        wait(lambda: not self.models.shelf.measuring)
        self.models.manager.grab().save(str(IMAGES / "models.png"))
        self.models.hide_manager()


def main() -> None:
    """Open the recording, click cells, propagate, correct; a picture of each state."""
    IMAGES.mkdir(exist_ok=True)
    data = hela()
    # Pictures must not leave sessions behind, nor show those of whoever makes them.
    with tempfile.TemporaryDirectory() as sessions:
        os.environ["NAPARI_SAM2_SESSIONS"] = sessions
        show_proposals(data)
        show_work(data)
        show_channels()
    with tempfile.TemporaryDirectory() as sessions:
        os.environ["NAPARI_SAM2_SESSIONS"] = sessions
        show_sessions(data)


def show_work(data: DemoStack) -> None:
    """Click cells, propagate, correct, review."""
    desk = Desk(data)
    control = desk.control
    wait(desk.resting)
    desk.shoot("first-run")
    desk.shoot_models()
    for number, item in enumerate(data.objects):
        if number:
            control.new_object()
        desk.click(0, *item.prompts[0].points[0])
        if number == 0:
            desk.shoot("first-click")
    desk.shoot("clicked")
    control.propagate("both", 0, len(data.stack) - 1)
    wait(lambda: control.propagation.done >= 8 or desk.resting())
    desk.shoot("propagating")
    wait(desk.resting)
    desk.go_to(FRAME)
    wait(desk.resting)
    desk.shoot("segment-stack")
    y0, x0, y1, x1 = DAUGHTER
    boxes = desk.viewer.layers["SAM 2 boxes"]
    control.new_object()
    control.set_drawing(True)
    boxes.add_rectangles([[FRAME, y0, x0], [FRAME, y0, x1], [FRAME, y1, x1], [FRAME, y1, x0]])
    wait(desk.resting)
    desk.shoot("corrected")
    show_review(desk)
    desk.viewer.close()


def show_sessions(data: DemoStack) -> None:
    """Accept a frame; find the session again that was not closed."""
    desk = Desk(data)
    control = desk.control
    wait(desk.resting)
    for number, item in enumerate(data.objects[:4]):
        if number:
            control.new_object()
        desk.click(0, *item.prompts[0].points[0])
    control.propagate("both", 0, len(data.stack) - 1)
    wait(desk.resting)
    desk.go_to(4)
    control.accept()
    wait(desk.resting)
    desk.shoot("accepted")
    control.save_session(sessions_folder() / "HeLa")
    wait(lambda: not control.keeping.busy)
    desk.viewer.close()
    desk = Desk(data)
    wait(lambda: bool(desk.control.keeping.unfinished))
    desk.shoot("reopen")
    desk.viewer.close()


def show_proposals(data: DemoStack) -> None:
    """Have all nuclei of the first frame proposed."""
    desk = Desk(data)
    desk.control.segment_frame()
    wait(lambda: desk.resting() and not desk.control.prompting.proposals.running)
    desk.shoot("proposals")
    desk.viewer.close()


def show_review(desk: Desk) -> None:
    """Go to a doubtful place, with the figures of another one beside the mouse."""
    review = desk.widget.review.open()
    wait(lambda: desk.resting() and not review.model.measuring.busy)
    review.model.sort("worst", False)
    review.table.scrollToTop()
    review.actions_.next_doubtful()
    wait(desk.resting)
    strip, place = review.strip, min(review.model.places, key=lambda place: place.frame)
    row = review.model.ids.index(place.object_id)
    corner = QPoint(round(strip.scale.x(place.frame + 0.7)), strip.header + 19 * row + 9)
    review.popup.hover(place.object_id, place.frame, strip.mapToGlobal(corner))
    wait(review.popup.picture.isVisible)
    screen = QApplication.primaryScreen()
    # The popup is a window of its own, so the screen is taken, not the viewer.
    screen.grabWindow(0, *desk.viewer.window.geometry()).save(str(IMAGES / "review.png"))
    review.popup.hover(0, 0, QPoint())
    desk.viewer.theme = "light"
    wait(desk.resting)
    desk.shoot("review-light")
    desk.viewer.theme = "dark"


def show_channels() -> None:
    """Click a cell of which two channels show the nucleus and the membrane."""
    nuclei, membranes, (y, x) = two_channels()
    desk = Desk(DemoStack(nuclei, [], "simulated"))
    first = desk.viewer.layers["HeLa"]
    first.name, first.colormap, first.contrast_limits = "nuclei", "magenta", (250, 1300)
    desk.viewer.add_image(membranes, name="membranes", colormap="green", blending="additive")
    desk.viewer.layers.move(len(desk.viewer.layers) - 1, 1)
    section = desk.widget.form.look
    section.toggleButton().click()
    desk.control.looking.set_look(channels="visible")
    desk.control.set_positive(True)
    desk.click(0, y, x)
    wait(lambda: desk.resting() and not section.picture.pixmap().isNull())
    time.sleep(0.5)
    wait(desk.resting)
    desk.shoot("what-the-model-sees")
    desk.viewer.close()


def two_channels() -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """(frames, y, x) uint16 of nuclei and of the membranes around them, and where a nucleus is in frame 0."""
    random = np.random.default_rng(1)
    rows, columns = np.mgrid[:256, :256]
    centres = [
        (45 + 72 * i + random.uniform(-8, 8), 50 + 78 * j + random.uniform(-8, 8)) for i in range(3) for j in range(3)
    ]
    nuclei, membranes = (random.normal(base, 35, (4, 256, 256)) for base in (300, 200))
    for t in range(4):
        for number, (y, x) in enumerate(centres):
            away = np.hypot((rows - y - 2 * t) * (0.9 + 0.05 * (number % 4)), columns - x + t)
            nuclei[t] += 900 / (1 + np.exp((away - 11) / 1.2))
            membranes[t] += 1500 * np.exp(-(((away - 25) / 2.5) ** 2))
    return nuclei.clip(0).astype(np.uint16), membranes.clip(0).astype(np.uint16), centres[4]


if __name__ == "__main__":
    main()
