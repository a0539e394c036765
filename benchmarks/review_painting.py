"""How fluent the review is: ``sh .ci/with-screen python benchmarks/review_painting.py [OBJECTS FRAMES]``.

300 objects on 2,000 frames with made-up scores. For every kind of event: the time until all is painted, and in it that
of the strip alone, in milliseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import napari
import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sam2.session.scores import Score
from napari_sam2.ui.review_dock import ReviewDock
from napari_sam2.ui.review_strip import ConfidenceStrip
from napari_sam2.ui.widget import SegmentStackWidget

SIDE = 256
painted: list[float] = []


def watch_the_strip() -> None:
    """Note how long each painting takes."""
    paint = ConfidenceStrip.paintEvent

    def timed(strip: ConfidenceStrip, event: object) -> None:
        start = time.perf_counter()
        paint(strip, event)
        painted.append(time.perf_counter() - start)

    ConfidenceStrip.paintEvent = timed  # type: ignore[method-assign]


def open_review(viewer: napari.Viewer, objects: int, frames: int) -> ReviewDock:
    """Made-up masks and scores in a review of a viewer."""
    rng = np.random.default_rng(0)
    viewer.add_image(np.zeros((frames, SIDE, SIDE), np.uint8), name="made up")
    widget = SegmentStackWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment stack")
    work = widget.controller.workspace
    assert work is not None  # noqa: S101
    work.document.ensure(range(1, objects + 1))
    across = int(np.ceil(np.sqrt(objects)))
    cell = SIDE // across
    labels = np.zeros((SIDE, SIDE), np.uint16)
    for number in range(objects):
        y, x = divmod(number, across)
        labels[y * cell + 1 : (y + 1) * cell - 1, x * cell + 1 : (x + 1) * cell - 1] = number + 1
    ious = np.clip(rng.normal(0.93, 0.01, (objects, frames)), 0, 1)
    ious[rng.random(ious.shape) < 0.002] = 0.7
    for frame in range(frames):
        work.objects.masks.write((), frame, labels)
        work.document.scores.put(
            (), frame, {i + 1: Score(6.0, float(ious[i, frame]), float(cell**2)) for i in range(objects)}
        )
    review = widget.review.open()
    start = time.perf_counter()
    while review.model.measuring.busy:
        QApplication.processEvents()
        time.sleep(0.002)
    print(f"{frames} frames of {SIDE} x {SIDE} were measured in {time.perf_counter() - start:.1f} s")
    return review


def run(what: str, times: int, act: Callable[[int], object]) -> None:
    """Do something some times and print how long it took until all was painted."""
    QApplication.processEvents()
    painted.clear()
    spent = []
    for number in range(times):
        start = time.perf_counter()
        act(number)
        QApplication.processEvents()
        spent.append(time.perf_counter() - start)
    whole, strip = (1e3 * np.array(each or [0.0]) for each in (spent, painted))
    print(
        f"{what:28} until painted: median {np.median(whole):6.1f}  95 % {np.quantile(whole, 0.95):6.1f}   "
        f"strip: median {np.median(strip):5.1f}  most {strip.max():5.1f}  ({len(painted)} times)"
    )


def main() -> None:
    objects, frames = (int(value) for value in sys.argv[1:3]) if len(sys.argv) > 2 else (300, 2000)
    watch_the_strip()
    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    review = open_review(viewer, objects, frames)
    strip, bar = review.strip, review.table.verticalScrollBar()
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    run("scroll rows", 60, lambda n: bar.setValue(n * bar.maximum() // 60))
    strip.zoom(30, 0)
    run("scroll frames", 60, lambda n: strip.move_to(n * frames / 60))
    strip.show_all()
    run("zoom", 30, lambda n: strip.zoom(1.25 if n < 15 else 0.8, strip.width() / 2))
    strip.show_all()
    run("mouse over the strip", 60, lambda n: QTest.mouseMove(strip, QPoint(20 + n * 7, 40 + n)))
    run("click a cell", 30, lambda n: QTest.mouseClick(strip, left, none, QPoint(20 + n * 15, 40 + n * 3)))
    run("slider of the viewer", 30, lambda n: viewer.dims.set_current_step(0, n * frames // 30))
    run("next doubtful", 30, lambda n: review.actions_.next_doubtful())
    run("sort by worst", 6, lambda n: review.model.sort("worst", bool(n % 2)))
    viewer.close()


if __name__ == "__main__":
    main()
