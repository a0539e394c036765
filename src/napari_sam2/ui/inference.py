"""The one thread on which models are loaded and run.

It lives as long as the widget: torch's modes belong to a thread, and a new thread per request would pay for them anew.
It never touches a layer. Tasks run one after the other; a propagation is one task per frame, so that a preview comes in
between.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from napari_sam2.session.document import Key, interactions
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.backend import Backend, Foreseen, ModelChoice, Progress, TrackerLike
from napari_sam2.ui.messages import Cancelled
from napari_sam2.ui.politeness import polite, step_back

_T = TypeVar("_T")
Post = Callable[[Callable[[], None]], None]
"""Run something on the main thread."""


class InferenceThread:
    """Runs tasks in order on one thread of its own and brings what comes of them to the main thread."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="napari-sam2", initializer=step_back)

    def submit(
        self, task: Callable[[], _T], done: Callable[[_T], None], failed: Callable[[BaseException], None]
    ) -> None:
        """Run `task` on the thread, then `done` or `failed` on the main thread."""
        future = self._executor.submit(_politely, task)
        future.add_done_callback(lambda _: self._post(partial(_settle, future, done, failed)))

    def close(self) -> None:
        """Drop the tasks that wait; the one that runs comes to its end by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _politely(task: Callable[[], _T]) -> _T:
    with polite:
        return task()


def _settle(future: Future[_T], done: Callable[[_T], None], failed: Callable[[BaseException], None]) -> None:
    try:
        error = future.exception()
    except CancelledError:
        return
    if error is None:
        done(future.result())
    else:
        failed(error)


@dataclass(frozen=True)
class Target:
    """What is segmented with what. `stack` is the same object as long as nothing about it has changed."""

    choice: ModelChoice
    stack: Any


@dataclass(frozen=True)
class Route:
    """One way through frames `first` up to and with `last`: "both", "forward" or "backward" from these prompts."""

    direction: str
    first: int
    last: int
    prompts: Mapping[Key, Prompt]


class ProposalsError(ValueError):
    """Nothing can be proposed here; the message is for the user."""


class NotLoaded(Exception):
    """A model could not be loaded; the reason is the cause of this exception."""

    def __init__(self, choice: ModelChoice) -> None:
        super().__init__(choice)
        self.choice = choice


class Prepared:
    """A tracker and the prompts that it was given."""

    def __init__(self, tracker: TrackerLike, stack: Any) -> None:
        self.tracker = tracker
        self.stack = stack
        self._applied: dict[Key, tuple[Prompt, ...]] = {}

    def forget_all(self) -> None:
        """Let the tracker know nothing, so that what it finds depends on the next prompts alone."""
        for object_id in tuple(self.tracker.object_ids):
            self.tracker.remove_object(object_id)
        self._applied = {}

    def apply(self, prompts: Mapping[Key, Prompt]) -> None:
        """Let the tracker know exactly these prompts; those that it knows already are not given again."""
        wanted = {key: interactions(prompt) for key, prompt in prompts.items()}
        for key in [key for key in self._applied if key not in wanted]:
            self._forget(key)
        for object_id in set(self.tracker.object_ids) - {key[0] for key in wanted}:
            self.tracker.remove_object(object_id)
        for key, steps in wanted.items():
            known = self._applied.get(key, ())
            if steps[: len(known)] != known:
                self._forget(key)
                known = ()
            for step in steps[len(known) :]:
                _apply_step(self.tracker, key[0], step)
                self._applied[key] = (*self._applied.get(key, ()), step)

    def _forget(self, key: Key) -> None:
        self.tracker.clear_prompts(key[0], key[1])
        del self._applied[key]


class Segmenter:
    """The model and trackers in use. Every method runs on the inference thread.

    Looking at single frames and propagating have a tracker each: a click on the way must not change what comes of the
    frames ahead, and what a propagation has seen must not change what comes of a click.
    """

    def __init__(self, backend: Backend, progress: Progress) -> None:
        self._backend = backend
        self._progress = progress
        self._loaded: tuple[ModelChoice, Any] | None = None
        self._refused: tuple[ModelChoice, BaseException] | None = None
        self._look: Prepared | None = None
        self._carry: Prepared | None = None
        self._routes: list[tuple[int, Route]] = []
        self._run: tuple[int, Iterator[Any]] | None = None

    def prepare(self, choice: ModelChoice) -> Any:
        """The model, loaded unless it is the one in use. Raises NotLoaded."""
        if self._loaded is None or self._loaded[0] != choice:
            # Two models at a time may be more than the memory holds.
            self._loaded = self._look = self._carry = self._run = self._refused = None
            self._routes = []
            try:
                with self._backend.inference():
                    self._loaded = (choice, self._backend.load(choice, self._progress))
            except (OSError, MemoryError, RuntimeError, ValueError, ImportError, Cancelled) as error:
                self._refused = (choice, error)
                raise NotLoaded(choice) from error
        return self._loaded[1]

    def preview(
        self, target: Target, prompts: Mapping[Key, Prompt], frame: int, wanted: Callable[[], bool]
    ) -> Any | None:
        """The masks of the objects that have prompts on this frame; None when by now nobody wants them."""
        if not wanted():
            return None
        self._look = self._ready(target, self._look)
        with self._backend.inference():
            self._look.apply(prompts)
            return _computed(self._look.tracker.predict(frame))

    def proposals(self, target: Target, frame: int, taken: np.ndarray, diameter: float | None) -> Iterator[Any]:
        """A search for all objects of a frame beside those in the labels (y, x) `taken`; `further` carries it on."""
        self._look = self._ready(target, self._look)
        tracker = self._look.tracker
        if not hasattr(tracker, "propose"):
            raise ProposalsError(
                "objects can be proposed on plain frames only; turn the other axis off, or click the objects"
            )
        with self._backend.inference():
            found: Iterator[Any] = iter(tracker.propose(frame, taken, diameter))
        return found

    def further(self, run: Iterator[Any]) -> Any | None:
        """The next step of a search, None after the last one."""
        with self._backend.inference():
            return next(run, None)

    def begin(self, target: Target, routes: Sequence[Route], *, afresh: bool = False) -> Foreseen | None:
        """Start to propagate; the frames come from `step`. What was being propagated before is given up.

        Returns:
            what it will take, where that is worth finding out: for a single long route.

        Args:
            afresh: with a new tracker, so that not even the image features that an older one keeps, which may have been
                computed in other batches, make a difference in the last digit.
        """
        self.end()
        if afresh:
            self._carry = None
        self._carry = self._ready(target, self._carry)
        self._routes = list(enumerate(routes))
        self._next_route()
        if len(routes) != 1:
            return None
        route = routes[0]
        with self._backend.inference():
            return self._backend.foresee(self._carry.tracker, route.first, route.last + 1, route.direction)

    def step(self) -> tuple[int, Any] | None:
        """(number of its route, result) of the next frame, None after the last one."""
        while self._run is not None:
            number, run = self._run
            with self._backend.inference():
                result = next(run, None)
                if result is not None:
                    return number, _computed(result)
            self._next_route()
        return None

    def end(self) -> None:
        """Stop propagating."""
        run, self._run = self._run, None
        self._routes = []
        if run is not None and hasattr(run[1], "close"):
            with self._backend.inference():
                run[1].close()

    def _next_route(self) -> None:
        self._run = None
        if self._routes and self._carry is not None:
            number, route = self._routes.pop(0)
            with self._backend.inference():
                self._carry.forget_all()
                self._carry.apply(route.prompts)
                run = self._carry.tracker.propagate(start=route.first, stop=route.last + 1, direction=route.direction)
            self._run = (number, iter(run))

    def _ready(self, target: Target, before: Prepared | None) -> Prepared:
        """A tracker of the target: the one from before, unless it is one of something else."""
        # What waited behind a failed loading would only run into the same wall, perhaps after a long time.
        if self._refused is not None and self._refused[0] == target.choice:
            raise NotLoaded(target.choice) from self._refused[1]
        model = self.prepare(target.choice)
        # Loading another model drops the trackers, so an older one must not be asked for again.
        if before is not None and before in (self._look, self._carry) and before.stack is target.stack:
            return before
        with self._backend.inference():
            return Prepared(self._backend.tracker(model, target.stack), target.stack)


def _apply_step(tracker: TrackerLike, object_id: int, step: Prompt) -> None:
    if step.mask is not None:
        tracker.add_mask(object_id, frame=step.frame, mask=step.mask)
    elif step.box is not None:
        tracker.add_box(object_id, frame=step.frame, box=step.box)
    else:
        choice = {"candidate": step.candidate} if step.candidate else {}
        tracker.add_points(object_id, frame=step.frame, points=step.points, labels=step.labels, **choice)


def _computed(result: Any) -> Any:
    # A result may put off its labels until they are asked for; that must not happen on the main thread.
    _ = result.labels
    return result
