"""What the user has said so far: objects, prompts, accepted frames and lineage, with undo and change events.

Knows no napari and no torch.

A recording may have more axes than one tracker sees, such as z or channels beside time. The indices on those axes are a
*plane*, a tuple that is empty for a plain (frames, y, x) stack. Prompts are kept per plane, so that looking at another
z slice forgets nothing. Objects are the same in every plane.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from napari_sam2.session.editable import DocumentError
from napari_sam2.session.history import MISSING
from napari_sam2.session.locks import between
from napari_sam2.session.object_edits import DocumentObject
from napari_sam2.session.places import EVERY, Box, Key, Place, Plane, Points, frame_text
from napari_sam2.session.prompt_steps import (
    interactions,
    is_empty,
    joined,
    refines,
    startable,
    with_box,
    with_points,
)
from napari_sam2.session.prompted_objects import PromptedObjects
from napari_sam2.session.prompts import ObjectPrompts, Prompt
from napari_sam2.wording import counted

__all__ = [
    "EVERY",
    "Box",
    "Document",
    "DocumentError",
    "DocumentObject",
    "Key",
    "Plane",
    "Points",
    "interactions",
    "startable",
]

_Part = TypeVar("_Part", Points, Box)


class Document(PromptedObjects):
    """Objects by their id, the current one, and one Prompt per object and frame. Every edit can be taken back."""

    def __init__(self, first_id: int = 1) -> None:
        """A document with one object without prompts, so that there is always a current object.

        Args:
            first_id: id of that object; larger than the labels that are in use already.
        """
        super().__init__()
        self._insert(first_id)
        self._current = first_id

    def tables(self) -> dict[str, dict[Any, Any]]:
        """Copies of all tables, for saving."""
        names = ("objects", "prompts", "seen", "locks", "parents", "births", "done")
        copies = {name: dict(getattr(self._content, name)) for name in names}
        return {**copies, "scores": {key: rows.copy() for key, rows in self._content.scores.items()}}

    def restore(self, *, current: int, **tables: Mapping[Any, Any]) -> None:
        """Let the document be what was saved. What was done before cannot be taken back any more.

        Args:
            tables: every table of `object_edits.Content`, as it was.
        """
        for name, saved in tables.items():
            table = getattr(self._content, name)
            table.clear()
            table.update(saved)
        self._current = current
        self.covers.clear()
        self.edits += 1
        self.forget_history()
        self.objects_changed.emit()
        self.current_changed.emit(current)
        self.scores.reset.emit()
        for place in self._content.locks:
            self.locks_changed.emit(*place)
        self.restored.emit()

    # Prompts --------------------------------------------------------------------------------------------------------

    def replace_points(self, points: Mapping[Plane, Mapping[Key, Points]]) -> None:
        """Let these be all the points there are; boxes and masks stay. Tells of what differs from before."""
        self._replace(points, with_points)

    def replace_boxes(self, boxes: Mapping[Plane, Mapping[Key, Box]]) -> None:
        """Let these be all the boxes there are; points and masks stay. Tells of what differs from before."""
        self._replace(boxes, with_box)

    def set_prompt(self, object_id: int, prompt: Prompt, plane: Plane = ()) -> None:
        """Let this be all that is said of an object on the frame of the prompt; an empty one takes it away."""
        with self._edit(f"prompt on {frame_text(prompt.frame, self.slices)}"):
            if not is_empty(prompt):
                self.ensure([object_id])
            self._put_prompt((plane, object_id, prompt.frame), prompt)

    def set_prompts(self, prompts: Mapping[Key, Prompt], plane: Plane = ()) -> None:
        """Let these be all that is said of these objects on these frames, by (object id, frame); many at a time."""
        with self._edit(counted(len(prompts), "prompt")):
            self.ensure(sorted({object_id for (object_id, _), prompt in prompts.items() if not is_empty(prompt)}))
            changed: dict[int, list[int]] = {}
            for (object_id, frame), prompt in prompts.items():
                if self._note_prompt((plane, object_id, frame), prompt):
                    changed.setdefault(object_id, []).append(frame)
            self._undo_done(plane, changed)

    def to_prompts(self, plane: Plane = (), *, locks: bool = False) -> list[ObjectPrompts]:
        """The prompts of a plane as they are written to a file; objects without prompts are left out.

        Args:
            locks: write the masks of accepted frames as prompts too.
        """
        told = self.effective(plane, locks=locks)
        started = {object_id for object_id, _ in told}
        told |= {key: prompt for key, prompt in self.prompts(plane).items() if key[0] not in started}
        listed = []
        for item in self.objects:
            own = [prompt for (object_id, _), prompt in told.items() if object_id == item.id]
            if own:
                listed.append(ObjectPrompts(item.id, item.name, [step for one in own for step in interactions(one)]))
        return listed

    def load_prompts(self, objects: Iterable[ObjectPrompts], plane: Plane = ()) -> None:
        """Put prompts that were read from a file in the place of those that the plane has.

        Several interactions with one object on one frame become one prompt, in their order; of several boxes or masks
        the last counts.
        """
        loaded: dict[Key, Prompt] = {}
        with self._edit("load prompts"):
            for item in objects:
                self._content.tables.put("objects", item.id, DocumentObject(item.id, item.name))
                for prompt in item.prompts:
                    key = (item.id, prompt.frame)
                    loaded[key] = joined(loaded[key], prompt) if key in loaded else prompt
            for key in (*self.prompts(plane), *loaded):
                self._put_prompt((plane, *key), loaded.get(key, Prompt(key[1])))

    # How it is done -------------------------------------------------------------------------------------------------

    def _replace(
        self, content: Mapping[Plane, Mapping[Key, _Part]], changed: Callable[[Prompt, _Part | None], Prompt]
    ) -> None:
        new: dict[Place, _Part] = {}
        for plane, keyed in content.items():
            new.update({(plane, object_id, frame): part for (object_id, frame), part in keyed.items()})
        with self._edit("prompts", shown=True) as step:
            self.ensure(sorted({place[1] for place in new}))
            for place in dict.fromkeys((*self._content.prompts, *new)):
                before = self._content.prompts.get(place, Prompt(place[2]))
                self._put_prompt(place, changed(before, new.get(place)))
            touched = [key for table, key in step.changes if table == "prompts"]
            if len(touched) == 1:
                _, object_id, frame = touched[0]
                step.text = f"prompt of {self.name(object_id)} on {frame_text(frame, self.slices)}"

    def _put_prompt(self, place: Place, prompt: Prompt) -> None:
        """Set one prompt, or take it away when it is empty, with all that depends on it."""
        if self._note_prompt(place, prompt):
            self._undo_done(place[0], {place[1]: [place[2]]})

    def _note_prompt(self, place: Place, prompt: Prompt) -> bool:
        """Set one prompt, or take it away when it is empty. Returns whether it is another one now."""
        put, before = self._content.tables.put, self._content.prompts.get(place)
        after = None if is_empty(prompt) else prompt
        if before == after:
            return False
        plane, object_id, frame = place
        if after is None:
            put("seen", place, MISSING)
        elif before is None and self.masks is not None and after.mask is None:
            mask = self.masks.mask(plane, frame, object_id)
            if refines(after, mask):
                put("seen", place, mask)
        put("prompts", place, MISSING if after is None else after)
        if after is not None and self.is_locked(object_id, frame, plane):
            self._lift(place)
        return True

    def _undo_done(self, plane: Plane, changed: Mapping[int, Iterable[int]]) -> None:
        """What came of prompts that are others now, on these frames of these objects, is to be done anew."""
        for object_id, frames in changed.items():
            done = self.done(object_id, plane)
            if done:
                anchors = self.anchors(object_id, plane)
                left = done.difference(*(between(anchors, frame, done, self.slices) for frame in frames))
                self._content.tables.put("done", (plane, object_id), left or MISSING)
