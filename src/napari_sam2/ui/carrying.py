"""Carrying objects through the frames: what is asked for, what of the answers is kept, and what can be taken back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psygnal import Signal

from napari_sam2.session.document import Key, Plane
from napari_sam2.session.history import Step
from napari_sam2.session.lineage import Heirs, heir_at
from napari_sam2.session.locks import between
from napari_sam2.session.parts import part_of
from napari_sam2.session.plans import Pass, Standing, passes, wanted
from napari_sam2.session.prompts import Prompt
from napari_sam2.session.scores import Score, scores_of
from napari_sam2.ui.backend import Backend, ModelChoice
from napari_sam2.ui.inference import Route, Target
from napari_sam2.ui.propagation import Propagation
from napari_sam2.ui.workspace import Workspace


@dataclass(frozen=True)
class Wish:
    """What the user asked for: frames `first` up to and with `last`, "both", "forward" or "backward"."""

    direction: str
    first: int
    last: int


@dataclass(frozen=True)
class Queued:
    """A wish that waits, and the plane that it was made on."""

    wish: Wish
    plane: Plane


@dataclass
class Load:
    """One propagation: what it was told, and what it has made so far.

    Attributes:
        heirs: what an object is called from a frame on, by what the model calls it.
        void: frames of an object for which something else was said meanwhile; what comes for them is dropped.
        step: what undo takes back.
        before: what undo would have taken back when it began, and what redo would have made again.
    """

    work: Workspace
    plane: Plane
    wish: Wish
    choice: ModelChoice
    plan: Sequence[Pass]
    prompts: Mapping[Key, Prompt]
    heirs: Mapping[int, Heirs] = field(default_factory=dict)
    void: dict[int, set[int]] = field(default_factory=dict)
    step: Step = field(default_factory=lambda: Step("propagation"))
    before: tuple[Step | None, Step | None] = (None, None)

    def name(self, object_id: int, frame: int) -> int:
        """What an object of the model is called on a frame."""
        return heir_at(self.heirs.get(object_id, ()), object_id, frame)

    def left(self) -> set[Key]:
        """(object id, frame) that are still to be written."""
        every = {
            (self.name(item, frame), frame)
            for one in self.plan
            for item, frames in one.writes.items()
            for frame in frames
        }
        return {key for key in every if key[1] not in self.work.document.done(key[0], self.plane)}


def routes(load: Load) -> list[Route]:
    """What the model is asked for; every route is told of its own objects alone."""
    found = []
    for one in load.plan:
        told = {key: prompt for key, prompt in load.prompts.items() if key[0] in one.writes}
        for object_id, frame in one.seeds.items():
            mask = load.work.objects.masks.mask(load.plane, frame, load.name(object_id, frame))
            if mask.any():
                told[object_id, frame] = Prompt(frame, mask=mask)
        found.append(Route(one.direction, one.first, one.last, told))
    return found


def _asked(plan: Sequence[Pass]) -> dict[int, set[int]]:
    """The frames that the model is asked for, by object: it goes through all between its first and its last."""
    asked: dict[int, set[int]] = {}
    for one in plan:
        for object_id, frames in one.writes.items():
            asked.setdefault(object_id, set()).update(frames, (one.seeds[object_id],) if object_id in one.seeds else ())
    return asked


class Carrying:
    """Starts, stops and queues propagations of a document, and writes their results into it.

    Events:
        changed(): there is another frame, or another state.
        ended(error): a propagation is over; error is an exception or None.
        told(level, text): something to say to the user.
    """

    changed = Signal()
    ended = Signal(object)
    told = Signal(str, str)

    def __init__(self, propagation: Propagation, backend: Backend, prepare: Callable[[], None]) -> None:
        """
        Args:
            prepare: sees to it that the model is on its way.
        """
        self._run = propagation
        self._backend = backend
        self._prepare = prepare
        self._load: Load | None = None
        self._queued: list[Queued] = []
        propagation.advanced.connect(self._on_frame)
        propagation.foretold.connect(self.changed.emit)
        propagation.ended.connect(self._on_ended)

    @property
    def queued(self) -> tuple[Queued, ...]:
        """What is to be done next, in this order."""
        return tuple(self._queued)

    def start(self, work: Workspace, wish: Wish, choice: ModelChoice, plane: Plane | None = None) -> bool:
        """Do what is left to do of a wish, on a plane or on the one on screen.

        Returns whether there was anything; says so when not.
        """
        plane = work.visible()[0] if plane is None else plane
        document = work.document
        if work.model is not None and work.model != choice:
            document.clear_done()
        standings = document.standings(plane)
        plan = passes(standings, wish.first, wish.last, wish.direction, document.slices)
        if not plan:
            self.told.emit(*_nothing(standings, wish, document.has_prompts()))
            return False
        work.model = choice
        prompts = document.effective(plane, asked=_asked(plan))
        load = Load(work, plane, wish, choice, plan, prompts, document.heirs(plane))
        load.before = (document.history.next_of("undo"), document.history.next_of("redo"))
        if self._resumes(load):
            self._run.go_on()
        else:
            self._load = load
            self._prepare()
            target = Target(choice, work.stack(plane))
            # Everything in one go is what the command line does, and gives the same to the pixel.
            whole = len(plan) == 1 and plan[0].writes.keys() == standings.keys() and plan[0].direction == wish.direction
            self._run.start(target, routes(load), afresh=whole)
        document.prompts_changed.connect(self._on_prompts, unique=True)
        return True

    def queue(self, wish: Wish, plane: Plane) -> None:
        """Do this, too, after what is being done; what is queued already is not queued twice."""
        if Queued(wish, plane) not in self._queued:
            self._queued.append(Queued(wish, plane))
        self.changed.emit()

    def go_on(self) -> None:
        """End a pause. What was corrected in it is done afterwards."""
        self._run.resume()
        if self._load is not None and self._load.void:
            self.queue(self._load.wish, self._load.plane)

    def drop_queued(self) -> None:
        """Do just what is being done."""
        self._queued.clear()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop; finished frames stay, and starting again goes on from there."""
        self._queued.clear()
        self._run.cancel()

    def rests_on(self, step: Step | None) -> bool:
        """Whether a propagation runs that was told of a step as done, or as taken back: it stays so until the end."""
        load = self._load
        return self._run.running and load is not None and any(step is before for before in load.before)

    def forget(self) -> None:
        """What was stopped cannot go on where it was."""
        if not self._run.running:
            self._load = None

    def _resumes(self, wished: Load) -> bool:
        """Whether that is just what was stopped before, with nothing said or done since."""
        now = self._load
        if now is None or now.work is not wished.work or now.void or self._run.done == 0:
            return False
        same = (now.plane, now.wish, now.choice) == (wished.plane, wished.wish, wished.choice)
        same = same and now.prompts == wished.prompts and now.heirs == wished.heirs and now.left() == wished.left()
        if same:
            now.step, now.before = Step("propagation"), wished.before
        return same

    def _on_prompts(self, plane: Plane, object_id: int, frame: int) -> None:
        load = self._load
        if load is not None and plane == load.plane:
            anchors = load.work.document.anchors(object_id, plane)
            reached = between(anchors, frame, range(load.work.axes.frames), load.work.document.slices)
            load.void.setdefault(object_id, set()).update(reached | {frame})

    def _on_frame(self, number: int, result: Any) -> None:
        load = self._load
        if load is None:
            return
        frame, plane = int(result.frame), load.plane
        load.work.painting.look()
        kept = self._kept(load, load.plan[number], result)
        if kept:
            part = part_of(result, kept)
            with load.work.document.onto(load.step):
                delta = load.work.objects.show_result(plane, frame, part, self._backend.merge)
            if delta is not None:
                load.step.pixels.append(delta)
            scores = scores_of(result)
            load.work.document.mark_done(load.step, plane, frame, {kept[item]: scores[item] for item in kept})
        self.changed.emit()

    def _kept(self, load: Load, part: Pass, result: Any) -> dict[int, int]:
        """The objects of a result that may be written, and what they are called there."""
        document, frame = load.work.document, int(result.frame)
        there = {item.id for item in document.objects}
        names = {item: load.name(item, frame) for item in result.object_ids if frame in part.writes.get(item, ())}
        return {
            item: name
            for item, name in names.items()
            if {item, name} <= there
            and frame not in load.void.get(item, ())
            and frame not in load.void.get(name, ())
            and not document.is_locked(name, frame, load.plane)
        }

    def _on_ended(self, cancelled: bool, error: BaseException | None) -> None:
        load = self._load
        if load is not None:
            load.work.document.add_step(load.step)
            if not cancelled or error is not None:
                self._load = None
            if cancelled or error is not None:
                self._queued.clear()
            while self._queued:
                next_one = self._queued.pop(0)
                if self._any_left(load.work, next_one):
                    self.start(load.work, next_one.wish, load.choice, next_one.plane)
                    break
        self.ended.emit(error)

    def _any_left(self, work: Workspace, queued: Queued) -> bool:
        wish, document = queued.wish, work.document
        standings = document.standings(queued.plane)
        return bool(passes(standings, wish.first, wish.last, wish.direction, document.slices))


def preview_part(work: Workspace, plane: Plane, frame: int, result: Any) -> tuple[Any, dict[int, Score]]:
    """What may be shown of the masks of a prompted frame, and their scores.

    Not what was accepted, and not what was erased while they were made: nothing is said of it any more.
    """
    document = work.document
    open_ids = [
        item
        for item in result.object_ids
        if document.prompt(plane, item, frame) is not None and not document.is_locked(item, frame, plane)
    ]
    scores = scores_of(result)
    return part_of(result, {item: item for item in open_ids}), {item: scores[item] for item in open_ids}


def _nothing(standings: Mapping[int, Standing], wish: Wish, prompts: bool) -> tuple[str, str]:
    """Why there is nothing to do."""
    if not standings:
        where = "on this plane " if prompts else ""
        return "warning", f"There is no prompt {where}yet. Click a cell in the image, then propagate."
    if not any(
        wanted(replace(each, done=frozenset()), wish.first, wish.last, wish.direction) for each in standings.values()
    ):
        return "warning", "No frame of the range lies on that side of the prompts. Change range or direction."
    return "info", "All frames of the range are done with these prompts. Correct a frame, or click the next cell."
