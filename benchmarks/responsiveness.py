"""How long the viewer makes one wait: ``sh .ci/with-screen python benchmarks/responsiveness.py [OBJECTS FRAMES SIDE]``.

200 discs on 500 frames of 1024 x 1024 with the review open, and a scripted tracker that gives eight frames a second
(``--model micro``: the bundled network, on 12 discs). Slider and wheel are moved all the time, at first while nothing
runs, then while frames are segmented, and then while many things are done at once. A beat every 4 ms tells how long an
event has to wait; what the widget does on the main thread is timed piece by piece, as time of the processor, so that
other programs count less.

``responsiveness_compared.py`` runs this several times, with several nicenesses of the inference thread.
"""

from __future__ import annotations

import argparse
import collections
import json
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_sam2.session.scores import Score
from napari_sam2.ui import politeness
from napari_sam2.ui.backend import Sam2Backend
from napari_sam2.ui.label_taking import LabelWish
from napari_sam2.ui.loop import QtLoop
from napari_sam2.ui.widget import SegmentStackWidget

PACE = 0.125
BEAT = 0.004
pieces: list[tuple[float, str]] = []
"""(milliseconds of the main thread, what it was) of every call that came over the loop."""


class Result:
    """What a tracker gives for a frame."""

    def __init__(self, frame: int, labels: np.ndarray, ids: tuple[int, ...]) -> None:
        self.frame, self.labels, self.object_ids = frame, labels, ids
        self.object_scores = np.full(len(ids), 6.0, np.float32)
        self.predicted_ious = np.full(len(ids), 0.93, np.float32)


class Scripted(Sam2Backend):
    """Knows where the discs are, and takes its time without taking the processor's."""

    def __init__(self, labels: Callable[[int], np.ndarray]) -> None:
        self._labels = labels

    def load(self, choice: Any, progress: Any) -> Any:
        return types.SimpleNamespace(choice=choice)

    def inference(self) -> Any:
        return nullcontext()

    def foresee(self, *args: Any) -> None:
        return None

    def tracker(self, model: Any, stack: Any) -> Any:
        return Tracker(self._labels)


class Tracker:
    """Gives the labels of the objects that it was told of."""

    def __init__(self, labels: Callable[[int], np.ndarray]) -> None:
        self._labels = labels
        self._frames: dict[int, set[int]] = {}

    @property
    def object_ids(self) -> tuple[int, ...]:
        return tuple(sorted(self._frames))

    def _add(self, object_id: int, frame: int, *args: Any, **kwargs: Any) -> None:
        self._frames.setdefault(object_id, set()).add(frame)

    add_points = add_box = add_mask = _add

    def clear_prompts(self, object_id: int, frame: int) -> None:
        self._frames[object_id].discard(frame)

    def remove_object(self, object_id: int) -> None:
        del self._frames[object_id]

    def predict(self, frame: int) -> Result:
        return self._result(frame, tuple(i for i in self.object_ids if frame in self._frames[i]))

    def propagate(self, start: int | None, stop: int | None, direction: str) -> Iterator[Result]:
        for frame in range(start or 0, stop or 0):
            time.sleep(PACE)
            yield self._result(frame, self.object_ids)

    def _result(self, frame: int, ids: tuple[int, ...]) -> Result:
        labels = self._labels(frame)
        return Result(frame, np.where(np.isin(labels, ids), labels, 0).astype(np.uint16), ids)


def discs(objects: int, side: int) -> Callable[[int], np.ndarray]:
    """Labels (y, x) by frame, of discs that move to and fro."""
    across = int(np.ceil(np.sqrt(objects)))
    cell = side / across
    rows, columns = np.mgrid[:side, :side]
    number = (rows // cell * across + columns // cell).astype(np.int64) + 1
    inside = (rows % cell - cell / 2) ** 2 + (columns % cell - cell / 2) ** 2 < (0.4 * cell) ** 2
    still = np.where(inside & (number <= objects), number, 0).astype(np.uint16)
    return lambda frame: np.roll(still, frame % 8, axis=1)


def time_the_loop() -> None:
    """Note what everything that comes over the loop costs the main thread."""
    run = QtLoop._run

    def timed(loop: QtLoop, call: Callable[[], None]) -> None:
        start = time.thread_time()
        run(loop, call)
        pieces.append((1e3 * (time.thread_time() - start), name_of(call)))

    QtLoop._run = timed  # type: ignore[method-assign]


def name_of(call: Any) -> str:
    """What a call is, for a person."""
    inner = getattr(call, "func", call)
    name = getattr(inner, "__qualname__", str(inner))
    if hasattr(call, "args") and len(call.args) > 1:
        name += " " + getattr(call.args[1], "__qualname__", "").split(".<")[0]
    return str(name)


class Sampler(threading.Thread):
    """Says where the main thread is when a beat is late, to find out why."""

    def __init__(self, late: float) -> None:
        super().__init__(daemon=True)
        self.beat = time.perf_counter()
        self._late, self.found = late, collections.Counter[str]()
        self.running = True

    def run(self) -> None:
        import sys
        import traceback

        main = threading.main_thread().ident
        while self.running:
            time.sleep(0.005)
            if time.perf_counter() - self.beat > self._late:
                frames = traceback.extract_stack(sys._current_frames()[main])
                own = [f for f in frames if "napari_sam2" in f.filename]
                last = frames[-1]
                text = " > ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}:{f.name}" for f in own[-4:])
                self.found[f"{text} | {last.filename.rsplit('/', 1)[-1]}:{last.lineno}:{last.name}"] += 1


class Hands:
    """Moves slider and wheel, and feels how long it takes."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._canvas = next(w for w in QApplication.allWidgets() if "CanvasBackend" in type(w).__name__)
        self._steps = 0
        self.felt: dict[str, dict[str, list[float]]] = {}
        """Milliseconds of every wait and of every move, by what was going on."""

    def work(self, what: str, until: Callable[[], bool], show: bool = False) -> None:
        """Do it until something holds, and print what it was like."""
        pieces.clear()
        sampler = Sampler(0.03) if show else None
        if sampler is not None:
            sampler.start()
        gaps, last, moved = [], time.perf_counter(), 0.0
        own = []
        while not until():
            QApplication.processEvents()
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
            if sampler is not None:
                sampler.beat = now
            if now - moved > 0.05:
                start = time.perf_counter()
                self._move()
                QApplication.processEvents()
                moved = last = time.perf_counter()
                own.append(moved - start)
                if sampler is not None:
                    sampler.beat = moved
            time.sleep(BEAT)
        if sampler is not None:
            sampler.running = False
            for text, count in sampler.found.most_common(12):
                print("     ", count, text)
        report(what, np.array(gaps) - BEAT, np.array(own))
        self.felt[what] = {"waits": [1e3 * (gap - BEAT) for gap in gaps], "moves": [1e3 * move for move in own]}

    def _move(self) -> None:
        self._steps += 1
        frames = int(self._viewer.dims.nsteps[0])
        if self._steps % 3:
            self._viewer.dims.set_current_step(0, (self._steps * 3) % frames)
        else:
            turn = 120 if self._steps % 2 else -120
            place = QPointF(self._canvas.rect().center())
            event = QWheelEvent(
                place,
                QPointF(self._canvas.mapToGlobal(place.toPoint())),
                QPoint(),
                QPoint(0, turn),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            QApplication.sendEvent(self._canvas, event)


def report(what: str, gaps: np.ndarray, own: np.ndarray) -> None:
    gaps, own = (1e3 * (each if len(each) else np.zeros(1)) for each in (gaps, own))
    print(
        f"{what:34} waits: 95 % {np.quantile(gaps, 0.95):6.1f}  most {gaps.max():7.1f}  over 100 ms: "
        f"{int((gaps > 100).sum()):3d}   a move: median {np.median(own):6.1f}  most {own.max():6.1f}"
    )
    by: dict[str, list[float]] = {}
    for spent, name in pieces:
        by.setdefault(name, []).append(spent)
    for name, each in sorted(by.items(), key=lambda item: -max(item[1]))[:6]:
        if max(each) > 5:
            print(f"      {name:80} {len(each):5d} x  median {np.median(each):6.1f}  most {max(each):6.1f} ms")


def seconds(count: float) -> Callable[[], bool]:
    """Whether so many seconds have passed since the first call."""
    end = time.perf_counter() + count
    return lambda: time.perf_counter() > end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("objects", type=int, nargs="?", default=200)
    parser.add_argument("frames", type=int, nargs="?", default=500)
    parser.add_argument("side", type=int, nargs="?", default=1024)
    parser.add_argument("--model", default="")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--niceness", type=int, default=politeness.NICENESS, help="of the inference thread")
    parser.add_argument("--times", type=Path, help="write all times into this file, and leave out what comes after")
    parser.add_argument("--show", action="store_true", help="where the main thread was when it was late")
    chosen = parser.parse_args()
    politeness.NICENESS = chosen.niceness
    import napari_sam2.tracking.labels  # noqa: F401  with a real model this is done by the time of the first mask

    labels = discs(chosen.objects, chosen.side)
    image = np.stack([(labels(frame) > 0).astype(np.uint8) * 200 for frame in range(8)])
    image = np.broadcast_to(image, (chosen.frames // 8 + 1, *image.shape)).reshape(-1, *image.shape[1:])[
        : chosen.frames
    ]
    time_the_loop()
    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    viewer.add_image(image, name="discs")
    seeds = viewer.add_labels(labels(0), name="seeds")
    widget = SegmentStackWidget(viewer, None if chosen.model else Scripted(labels))
    viewer.window.add_dock_widget(widget, name="Segment stack")
    control = widget.controller
    work = control.workspace
    assert work is not None  # noqa: S101
    review = widget.review.open()
    hands = Hands(viewer)
    show = chosen.show
    quiet = lambda: not (control.previews.waiting or control.propagation.running)  # noqa: E731
    hands.work("nothing runs, no objects", seconds(4), show)
    start = time.perf_counter()
    control.take_labels(LabelWish(seeds, (0, 0)))
    print(f"labels of one frame as prompts: {1e3 * (time.perf_counter() - start):.0f} ms")
    hands.work("  and after that", lambda: quiet() and not control.prompting.labels.running, show)
    hands.work("nothing runs, objects", seconds(4), show)
    control.propagate("both", 0, chosen.frames - 1)
    hands.work("propagating", seconds(chosen.seconds), show)
    if chosen.times is None:
        everything(control, review, hands, show, labels)
    else:
        chosen.times.write_text(json.dumps(hands.felt))
        control.cancel()
        hands.work("cancelled", lambda: not control.propagation.running)
    viewer.close()


def everything(control: Any, review: Any, hands: Hands, show: bool, labels: Callable[[int], np.ndarray]) -> None:
    """What may take long, one after the other."""

    def timed(what: str, act: Callable[[], Any], until: Callable[[], bool] | None = None) -> None:
        start, cpu = time.perf_counter(), time.thread_time()
        act()
        QApplication.processEvents()
        wall, cpu = 1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - cpu)
        print(f"{what}: {wall:.0f} ms, {cpu:.0f} of the main thread")
        hands.work("  and after that", until or seconds(2), show)

    timed("cancel", control.cancel, lambda: not control.propagation.running)
    timed("undo a propagation", control.undo)
    timed("redo it", control.redo)
    work = control.workspace
    plane, frames = (), work.axes.frames
    every = [item.id for item in work.document.objects]
    for frame in range(frames):
        work.objects.masks.write(plane, frame, labels(frame))
        work.document.scores.put(plane, frame, {i: Score(6.0, 0.93, 900.0) for i in every})
    hands.work("all frames filled, measured", seconds(10), show)
    timed("accept an object on its frames", lambda: review.actions_.set_locked(every[0], True))
    timed("accept all objects on theirs", lambda: [review.actions_.set_locked(item, True) for item in every[1:]])
    timed("accept a frame", control.accept_frame)
    timed("merge two", lambda: review.actions_.merge(every[:2]))
    timed("undo it", control.undo)
    timed("delete one", lambda: review.actions_.delete(every[:1]))
    timed("undo it", control.undo)
    control.propagate("both", 0, frames - 1)
    hands.work("propagating beside all that", lambda: not control.propagation.running, show)


if __name__ == "__main__":
    main()
