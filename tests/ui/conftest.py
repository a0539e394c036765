"""A tracker that needs no network, and an event loop that a test turns by hand.

The tracker takes whatever is bright and connected to a click, and follows it by overlap. It keeps the promises of
napari_sam2.tracking.Tracker that the widget relies on.
"""

import queue
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy import ndimage

from napari_sam2.tracking.errors import TrackingError
from napari_sam2.ui.backend import ModelChoice
from napari_sam2.ui.controller import Controller


@dataclass
class FakeResult:
    frame: int
    masks: dict[int, np.ndarray]
    shape: tuple[int, int]
    others: dict[int, np.ndarray] = field(default_factory=dict)

    def candidates_of(self, object_id) -> np.ndarray:
        return self.others.get(object_id, self.masks[object_id][np.newaxis])

    @property
    def object_ids(self) -> tuple[int, ...]:
        return tuple(sorted(self.masks))

    @property
    def labels(self) -> np.ndarray:
        labels = np.zeros(self.shape, np.uint16)
        for object_id in reversed(self.object_ids):
            labels[self.masks[object_id]] = object_id
        return labels


class FakeTracker:
    def __init__(self, stack, log: "FakeBackend") -> None:
        self.stack = stack
        self.shape = tuple(int(size) for size in stack.shape[1:3])
        self.log = log
        self.steps: dict[int, dict[int, list]] = {}
        self.chosen: dict[tuple[int, int], int] = {}

    @property
    def object_ids(self) -> tuple[int, ...]:
        return tuple(sorted(self.steps))

    def _add(self, object_id, frame, step) -> None:
        self.log.note("add", object_id, frame, step)
        self.steps.setdefault(object_id, {}).setdefault(frame, []).append(step)

    def add_points(self, object_id, frame, points, labels, candidate=0) -> None:
        self.chosen[object_id, frame] = candidate
        if not any(labels) and object_id not in self.steps:
            raise TrackingError(f"object {object_id} starts with a negative click")
        for (y, x), label in zip(points, labels, strict=True):
            self._add(object_id, frame, ("point", float(y), float(x), int(label)))

    def add_box(self, object_id, frame, box) -> None:
        self._add(object_id, frame, ("box", *box))

    def add_mask(self, object_id, frame, mask) -> None:
        self._add(object_id, frame, ("mask", mask))

    def clear_prompts(self, object_id, frame=None) -> None:
        self.log.note("clear", object_id, frame)
        self.steps[object_id].pop(frame, None)
        if not self.steps[object_id]:
            del self.steps[object_id]

    def remove_object(self, object_id) -> None:
        del self.steps[object_id]

    def predict(self, frame) -> FakeResult:
        self.log.work("predict")
        own = {i: self._mask(i, frame) for i, frames in self.steps.items() if frame in frames}
        others = {i: self._candidates(i, frame) for i in own} if self.log.ambiguous else {}
        return FakeResult(frame, own, self.shape, others)

    def _candidates(self, object_id, frame) -> np.ndarray:
        """The disc that was clicked, and the disc with what is around it."""
        ((_, y, x, _),) = self.steps[object_id][frame]
        components = self._components(frame)
        disc = components == components[round(y), round(x)]
        return np.stack([disc, ndimage.binary_dilation(disc, iterations=4)])

    def propose(self, frame, taken, diameter) -> Iterator:
        self.log.note("propose", frame, diameter)
        components = self._components(frame)
        for number in range(1, components.max() + 1):
            self.log.work("look")
            yield types.SimpleNamespace(done=number, total=components.max(), proposals=None)
        masks = [components == number for number in range(1, components.max() + 1)]
        free = [mask for mask in masks if not taken[mask].any()]
        proposals = tuple(types.SimpleNamespace(mask=lambda shape, mask=mask: mask) for mask in free)
        yield types.SimpleNamespace(done=1, total=1, proposals=proposals)

    def propagate(self, start=None, stop=None, direction="both") -> Iterator[FakeResult]:
        if not self.steps:
            raise TrackingError("there is nothing to propagate")
        return self._propagate(start or 0, len(self.stack) if stop is None else stop, direction)

    def _propagate(self, start, stop, direction) -> Iterator[FakeResult]:
        first = min(min(frames) for frames in self.steps.values())
        last = max(max(frames) for frames in self.steps.values())
        sweeps = [range(max(start, first), stop)] if direction != "backward" else []
        if direction != "forward":
            sweeps.append(range(min(stop - 1, last if direction == "backward" else first - 1), start - 1, -1))
        for sweep in sweeps:
            before: dict[int, np.ndarray] = {i: self._mask(i, min(frames)) for i, frames in self.steps.items()}
            for frame in sweep:
                self.log.work("step")
                now = {}
                for object_id in list(self.steps):
                    if frame in self.steps[object_id]:
                        now[object_id] = self._mask(object_id, frame)
                    elif object_id in before:
                        now[object_id] = self._follow(before[object_id], frame)
                before.update(now)
                yield FakeResult(frame, now, self.shape)

    def _components(self, frame) -> np.ndarray:
        picture = np.asarray(self.stack[frame], float)
        picture = picture.mean(axis=-1) if picture.ndim == 3 else picture
        return ndimage.label(picture > 0.5 * picture.max())[0]

    def _follow(self, mask, frame) -> np.ndarray:
        components = self._components(frame)
        inside = components[mask]
        inside = inside[inside > 0]
        return components == np.bincount(inside).argmax() if len(inside) else np.zeros(self.shape, bool)

    def _mask(self, object_id, frame) -> np.ndarray:
        if self.log.ambiguous:
            return self._candidates(object_id, frame)[self.chosen[object_id, frame]]
        components, mask = self._components(frame), np.zeros(self.shape, bool)
        for kind, *what in self.steps[object_id][frame]:
            if kind == "mask":
                mask = what[0].copy()
            elif kind == "box":
                y0, x0, y1, x1 = (round(value) for value in what)
                mask[max(0, y0) : y1 + 1, max(0, x0) : x1 + 1] |= (
                    components[max(0, y0) : y1 + 1, max(0, x0) : x1 + 1] > 0
                )
            else:
                y, x = round(what[0]), round(what[1])
                here = components == components[y, x] if components[y, x] else np.zeros(self.shape, bool)
                if what[2]:
                    mask |= here
                else:
                    rows, columns = np.ogrid[: self.shape[0], : self.shape[1]]
                    mask &= (rows - y) ** 2 + (columns - x) ** 2 > 4
        return mask


@dataclass
class FakeBackend:
    """Notes what it is asked for; `gate` holds the work of the inference thread back while it is not set."""

    calls: list[tuple] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    errors: dict[str, BaseException] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)
    slow: float = 0.0
    ambiguous: bool = False
    foreseen: object = None

    def __post_init__(self) -> None:
        self.gate.set()

    def note(self, *call) -> None:
        self.threads.add(threading.current_thread().name)
        self.calls.append(call)

    def count(self, name: str) -> int:
        return sum(call[0] == name for call in self.calls)

    def work(self, name: str) -> None:
        self.note(name)
        assert self.gate.wait(10)
        time.sleep(self.slow)
        if name in self.errors:
            raise self.errors[name]

    def load(self, choice: ModelChoice, progress) -> object:
        self.work("load")
        if choice.model in self.errors:
            raise self.errors[choice.model]
        return types.SimpleNamespace(choice=choice)

    def tracker(self, model, stack) -> FakeTracker:
        self.note("tracker", model, stack)
        return FakeTracker(stack, self)

    def inference(self):
        return nullcontext()

    def foresee(self, tracker, start, stop, direction) -> object:
        self.note("foresee", start, stop, direction)
        return self.foreseen

    def merge(self, existing, result) -> np.ndarray:
        existing[np.isin(existing, result.object_ids)] = 0
        free = existing == 0
        existing[free] = result.labels[free]
        return existing


class HandLoop:
    """Runs what was posted when the test says so, on the test's thread."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.timers: list[Callable[[], None]] = []

    def post(self, call) -> None:
        self.calls.put(call)

    def later(self, seconds, call) -> None:
        self.timers.append(call)

    def turn(self) -> None:
        """Run what waits now."""
        while not self.calls.empty():
            self.calls.get()()

    def until(self, condition, seconds: float = 10) -> None:
        """Run what comes until a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            assert left > 0, "the condition did not come about"
            try:
                self.calls.get(timeout=min(left, 0.05))()
            except queue.Empty:
                continue


def _disc(frame: int, which: int = 0) -> np.ndarray:
    """(60, 80) bool: one of two discs of radius 6 that move by (1, 2) per frame, from (15, 20) and (40, 50)."""
    rows, columns = np.ogrid[:60, :80]
    return (rows - (15, 40)[which] - frame) ** 2 + (columns - (20, 50)[which] - 2 * frame) ** 2 <= 36


@pytest.fixture
def disc() -> Callable[..., np.ndarray]:
    """The mask of a disc of the recording, by frame and which of the two."""
    return _disc


@pytest.fixture
def stack() -> np.ndarray:
    """A recording, (6, 60, 80) uint16: two bright discs on black."""
    return np.stack([np.uint16(200) * (_disc(frame) | _disc(frame, 1)) for frame in range(6)])


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    backend = FakeBackend()
    yield backend
    backend.gate.set()


@pytest.fixture
def loop() -> HandLoop:
    return HandLoop()


class Session:
    """A viewer with the controller, and the gestures of a user on it."""

    def __init__(self, loop, backend, image=None, **kwargs) -> None:
        self.viewer = ViewerModel()
        if image is not None:
            self.viewer.add_image(image, name="cells", **kwargs)
        self.loop = loop
        self.backend = backend
        self.told: list[tuple[str, str]] = []
        self.controller = Controller(viewer=self.viewer, loop=loop, backend=backend, tell=self.tell)

    def tell(self, level: str, text: str) -> None:
        self.told.append((level, text))

    @property
    def labels(self) -> np.ndarray:
        return self.viewer.layers["SAM 2 objects"].data

    @property
    def document(self):
        return self.controller.workspace.document

    def click(self, *position) -> None:
        self.viewer.layers["SAM 2 points"].add(position)

    def settle(self) -> None:
        """Until nothing is on its way any more."""
        control = self.controller
        self.loop.until(
            lambda: (
                not (
                    control.previews.waiting
                    or control.propagation.running
                    or control.prompting.labels.running
                    or control.loading.busy
                )
            )
        )
        self.loop.turn()

    def propagate(self, direction="both", first=0, last=5) -> None:
        self.controller.propagate(direction, first, last)
        self.settle()


@pytest.fixture
def open_session(loop, backend) -> Iterator[Callable[..., Session]]:
    """Opens a controller on a new viewer model, with an image or without."""
    sessions = []

    def open_one(image=None, backend=backend, **kwargs) -> Session:
        sessions.append(Session(loop, backend, image, **kwargs))
        return sessions[-1]

    yield open_one
    backend.gate.set()
    for session in sessions:
        session.controller.close()


@pytest.fixture
def session(open_session, stack) -> Session:
    """A controller on the recording."""
    return open_session(stack)
