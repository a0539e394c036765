"""The part of a document that every edit goes through: tables, undo and events."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from psygnal import Signal

from napari_sam2.session.covers import Covers
from napari_sam2.session.history import History, Step
from napari_sam2.session.masks import Masks
from napari_sam2.session.object_edits import Content
from napari_sam2.session.places import Plane
from napari_sam2.session.scores import Score, Scores


class DocumentError(ValueError):
    """Something that cannot be done with the objects as they are; the message is one line for the user."""


class Editable:
    """Tables of objects and prompts. What is changed in `_edit` is one step that can be taken back.

    Attributes:
        masks: the label image, when there is one; edits of objects change its pixels too.
        scores: what the model thinks of its masks.
        covers: what the masks that came of prompts lie on.
        history: the steps that can be taken back.
        edits: grows with every change, for those who keep what they have worked out.

    Events:
        objects_changed(): an object was made, renamed, merged, split, renumbered or removed, or the lineage is another.
        current_changed(id): another object is the current one.
        prompts_changed(plane, id, frame): the prompt of this object on this frame is another one, or gone.
        locks_changed(plane, id, frame): a frame of an object (id 0: of every object) was accepted, or is not any more.
        history_changed(): there is something else to undo or redo.
        restored(): prompts are others in another way than by `replace_points` and the like, for example by undo, by
            merging two objects or from a file; who shows them must look anew.
    """

    objects_changed = Signal()
    current_changed = Signal(int)
    prompts_changed = Signal(tuple, int, int)
    locks_changed = Signal(tuple, int, int)
    history_changed = Signal()
    restored = Signal()

    def __init__(self) -> None:
        self._content = Content()
        self.masks: Masks | None = None
        self.scores = Scores(self._content.scores)
        self.covers = Covers(self._content.covers, self._content.tables)
        self.history = History()
        self.edits = 0
        self._current = 0

    @property
    def slices(self) -> int:
        """How many frames in a row are one time point."""
        return self.masks.slices if self.masks is not None else 1

    # Undo -----------------------------------------------------------------------------------------------------------

    def undo(self) -> str:
        """Take the latest step back. Returns what it was, "" when there is none."""
        return self._turn(self.history.undo(), forth=False)

    def redo(self) -> str:
        """Make the step that was taken back last again. Returns what it was, "" when there is none."""
        return self._turn(self.history.redo(), forth=True)

    @contextmanager
    def one_step(self, text: str, *, shown: bool = False, onto: Step | None = None) -> Iterator[Step]:
        """All edits in this block are taken back together.

        Args:
            shown: who shows the prompts shows the edits already, or is told later by `restored`.
            onto: a step that was made before; while it is the latest one, these edits are taken back with it. This is
                for what is done piece by piece.
        """
        with self._edit(text, shown=shown, onto=onto) as step:
            yield step

    @contextmanager
    def onto(self, step: Step) -> Iterator[Step]:
        """What changes in this block is taken back with a step that was made before or is pushed later."""
        outer, self._content.tables.step = self._content.tables.step, step
        try:
            yield step
        finally:
            self._content.tables.step = outer

    @contextmanager
    def onto_prompts(self, plane: Plane, frame: int, object_ids: Iterable[int]) -> Iterator[Step]:
        """What comes of the prompts of objects on a frame is taken back with the latest of these prompts.

        The earlier ones had their masks before.
        """
        step = self.history.find("prompts", [(plane, object_id, frame) for object_id in object_ids])
        with self.onto(step or Step("prompts that cannot be taken back")) as step:
            yield step
        self.history.trim()

    # Finished frames ------------------------------------------------------------------------------------------------

    def done(self, object_id: int, plane: Plane = ()) -> frozenset[int]:
        """The frames that an object was carried to from its present prompts."""
        return self._content.done.get((plane, object_id), frozenset())

    def mark_done(self, step: Step, plane: Plane, frame: int, scores: Mapping[int, Score]) -> None:
        """Objects were carried to a frame, by id; `step` is what will be taken back together, see `add_step`."""
        with self.onto(step):
            for object_id in scores:
                key = (plane, object_id)
                self._content.tables.put("done", key, self._content.done.get(key, frozenset()) | {frame})
                rows = self._content.scores.get(key, ())
                if ("scores", key) not in step.changes or len(rows) <= frame:
                    # What is noted as the value before must not be written into.
                    longer = max(len(rows), frame + 1, self.masks.frames if self.masks is not None else 0)
                    self._content.tables.put("scores", key, self.scores.array(plane, object_id, longer))
        self.scores.put(plane, frame, scores)

    def forget_history(self) -> None:
        """What was done so far cannot be taken back any more."""
        self.history.clear()
        self.history_changed.emit()

    def clear_done(self) -> None:
        """Every frame is to be done anew, for example with another model."""
        self._content.done.clear()
        self.edits += 1

    def add_step(self, step: Step) -> None:
        """What was made over a longer time, such as a propagation, is one step of the history."""
        self.edits += 1
        self.history.push(step)
        self.history_changed.emit()

    def drop_elsewhere(self, steps: Iterable[Step]) -> None:
        """What these steps have made outside of the document is gone, and cannot be taken back any more."""
        for step in steps:
            self.history.drop_elsewhere(step)
        self.history_changed.emit()

    # How it is done -------------------------------------------------------------------------------------------------

    @contextmanager
    def _edit(self, text: str, *, shown: bool = False, onto: Step | None = None) -> Iterator[Step]:
        """Edits in the block are one step; events come after it. In another such block it is a part of that one.

        Args:
            shown, onto: see `one_step`.
        """
        tables = self._content.tables
        if tables.step is not None:
            yield tables.step
            return
        step = tables.step = Step(text)
        try:
            yield step
        finally:
            tables.step = None
            if not step.empty:
                if onto is None or not self.history.extend(onto, step):
                    self.history.push(step)
                self._tell(step)
                if not shown and any(table in ("prompts", "objects") for table, _ in step.changes):
                    self.restored.emit()

    def _turn(self, step: Step | None, *, forth: bool) -> str:
        if step is None:
            return ""
        self._content.tables.turn(step, forth=forth)
        if self.masks is not None:
            for delta in step.pixels if forth else reversed(step.pixels):
                self.masks.turn(delta, forth=forth)
        self._tell(step)
        # Of a propagation that is taken back, the prompts are what they were.
        if any(table in ("prompts", "objects") for table, _ in step.changes):
            self.restored.emit()
        return step.text

    def _tell(self, step: Step) -> None:
        """Say what is different after a step was made, or taken back."""
        self.edits += 1
        if self._current not in self._content.objects:
            order = sorted(self._content.objects)
            self._current = next((item for item in order if item > self._current), order[-1])
            self.current_changed.emit(self._current)
        tables = {table for table, _ in step.changes}
        if "scores" in tables:
            self.scores.reset.emit()
        if tables & {"objects", "parents"}:
            self.objects_changed.emit()
        # A prompt is another one for the model, too, when the mask that it corrects is.
        for signal, names in ((self.locks_changed, ("locks",)), (self.prompts_changed, ("prompts", "seen"))):
            for place in sorted({place for table, place in step.changes if table in names}):
                signal.emit(*place)
        self.history_changed.emit()
