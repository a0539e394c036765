"""What the user has said so far: objects and their prompts, with change events. Knows no napari and no torch.

A recording may have more axes than one tracker sees, such as z or channels beside time. The indices on those axes are a
*plane*, a tuple that is empty for a plain (frames, y, x) stack. Prompts are kept per plane, so that looking at another
z slice forgets nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from psygnal import Signal

from napari_sam2.session.prompts import ObjectPrompts, Prompt

Plane = tuple[int, ...]
Key = tuple[int, int]
"""(object id, frame)"""
Points = tuple[tuple[tuple[float, float], ...], tuple[int, ...]]
"""((y, x) of every click in data pixels, a label 1 or 0 for each)"""
Box = tuple[float, float, float, float]
"""(y0, x0, y1, x1) in data pixels"""
_Part = TypeVar("_Part", Points, Box)


@dataclass(frozen=True)
class DocumentObject:
    """`id` is the object's value in the label image (1 or more), `name` is for people."""

    id: int
    name: str


class Document:
    """Objects in the order in which they were made, the current one, and one Prompt per object and frame.

    Events:
        objects_changed(): an object was made, renamed or removed.
        current_changed(id): another object is the current one.
        prompts_changed(plane, id, frame): the prompt of this object on this frame is another one, or gone.
    """

    objects_changed = Signal()
    current_changed = Signal(int)
    prompts_changed = Signal(tuple, int, int)

    def __init__(self, first_id: int = 1) -> None:
        """A document with one object without prompts, so that there is always a current object.

        Args:
            first_id: id of that object; larger than the labels that are in use already.
        """
        self._objects: dict[int, DocumentObject] = {}
        self._prompts: dict[Plane, dict[Key, Prompt]] = {}
        self._current = self._insert(first_id)

    @property
    def objects(self) -> tuple[DocumentObject, ...]:
        """All objects, in the order in which they were made."""
        return tuple(self._objects.values())

    @property
    def current(self) -> int:
        """Id of the object that the next prompt belongs to."""
        return self._current

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The planes that have prompts."""
        return tuple(plane for plane, prompts in self._prompts.items() if prompts)

    def name(self, object_id: int) -> str:
        """Name of an object. Raises KeyError when there is no such object."""
        return self._objects[object_id].name

    def has_prompts(self, object_id: int | None = None) -> bool:
        """Whether any object, or this one, has a prompt on any frame of any plane."""
        keys = (key for prompts in self._prompts.values() for key in prompts)
        return any(object_id is None or key[0] == object_id for key in keys)

    def prompts(self, plane: Plane = ()) -> dict[Key, Prompt]:
        """A copy of the prompts of one plane by (object id, frame)."""
        return dict(self._prompts.get(plane, {}))

    def prompt(self, plane: Plane, object_id: int, frame: int) -> Prompt | None:
        """The prompt of an object on a frame, or None."""
        return self._prompts.get(plane, {}).get((object_id, frame))

    def new_object(self) -> int:
        """Make the next object the current one and return its id.

        While the newest object has no prompt yet it is taken instead, so that pressing twice makes no empty objects.
        """
        newest = max(self._objects)
        if self.has_prompts(newest):
            newest = self._insert(newest + 1)
            self.objects_changed.emit()
        self.select(newest)
        return newest

    def ensure(self, object_ids: Iterable[int]) -> None:
        """Make the objects that do not exist yet, for prompts and labels that come from outside."""
        missing = [item for item in object_ids if item not in self._objects]
        for object_id in missing:
            self._insert(object_id)
        if missing:
            self.objects_changed.emit()

    def select(self, object_id: int) -> None:
        """Make an object the current one. Raises KeyError when there is no such object."""
        if object_id not in self._objects:
            raise KeyError(f"there is no object {object_id}, the objects are {sorted(self._objects)}")
        if object_id != self._current:
            self._current = object_id
            self.current_changed.emit(object_id)

    def step(self, by: int) -> int:
        """Select the object that many places after (or, when negative, before) the current one, round the end."""
        order = list(self._objects)
        self.select(order[(order.index(self._current) + by) % len(order)])
        return self._current

    def rename(self, object_id: int, name: str) -> None:
        """Give an object another name. Raises KeyError when there is no such object."""
        self._objects[object_id] = replace(self._objects[object_id], name=name)
        self.objects_changed.emit()

    def replace_points(self, points: Mapping[Plane, Mapping[Key, Points]]) -> None:
        """Let these be all the points there are; boxes and masks stay. Tells of what differs from before."""
        self._replace(points, _with_points)

    def replace_boxes(self, boxes: Mapping[Plane, Mapping[Key, Box]]) -> None:
        """Let these be all the boxes there are; points and masks stay. Tells of what differs from before."""
        self._replace(boxes, _with_box)

    def to_prompts(self, plane: Plane = ()) -> list[ObjectPrompts]:
        """The prompts of a plane as they are written to a file; objects without prompts are left out."""
        content = self._prompts.get(plane, {})
        listed = []
        for item in self._objects.values():
            own = {key: prompt for key, prompt in content.items() if key[0] == item.id}
            if own:
                ordered = startable(own) or own
                steps = [step for whole in ordered.values() for step in interactions(whole)]
                listed.append(ObjectPrompts(item.id, item.name, steps))
        return listed

    def load_prompts(self, objects: Iterable[ObjectPrompts], plane: Plane = ()) -> None:
        """Put prompts that were read from a file in the place of those that the plane has.

        Several interactions with one object on one frame become one prompt, in their order; of several boxes or masks
        the last counts.
        """
        loaded: dict[Key, Prompt] = {}
        for item in objects:
            self._objects[item.id] = DocumentObject(item.id, item.name)
            for prompt in item.prompts:
                key = (item.id, prompt.frame)
                loaded[key] = _joined(loaded[key], prompt) if key in loaded else prompt
        before = self._prompts.get(plane, {})
        self._prompts[plane] = loaded
        self.objects_changed.emit()
        self._tell(plane, before, loaded)

    def _insert(self, object_id: int) -> int:
        self._objects[object_id] = DocumentObject(object_id, f"object {object_id}")
        return object_id

    def _replace(
        self, content: Mapping[Plane, Mapping[Key, _Part]], changed: Callable[[Prompt, _Part | None], Prompt]
    ) -> None:
        self.ensure(sorted({key[0] for keys in content.values() for key in keys}))
        for plane in {*self._prompts, *content}:
            before: dict[Key, Prompt] = self._prompts.get(plane, {})
            new: Mapping[Key, _Part] = content.get(plane, {})
            after: dict[Key, Prompt] = {}
            for key in dict.fromkeys((*before, *new)):
                prompt = changed(before.get(key, Prompt(frame=key[1])), new.get(key))
                if prompt.points or prompt.box is not None or prompt.mask is not None:
                    after[key] = prompt
            self._prompts[plane] = after
            self._tell(plane, before, after)

    def _tell(self, plane: Plane, before: Mapping[Key, Prompt], after: Mapping[Key, Prompt]) -> None:
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                self.prompts_changed.emit(plane, *key)


def startable(prompts: Mapping[Key, Prompt]) -> dict[Key, Prompt]:
    """The prompts of those objects of which it is said somewhere what belongs to them, in an order that can be applied.

    Clicks on what does not belong to an object say nothing while that is all there is, and an object that has them on
    one frame and others on another must start with the others.
    """
    started = {key[0] for key, prompt in prompts.items() if _starts(prompt)}
    order = sorted(prompts, key=lambda key: (key[0], not _starts(prompts[key]), key[1]))
    return {key: prompts[key] for key in order if key[0] in started}


def interactions(prompt: Prompt) -> tuple[Prompt, ...]:
    """One prompt as the steps in which it is given to the model: the mask, the box, then click after click.

    The clicks come in the order in which they were made, apart from a first one that belongs to the object.

    The model sees its own mask again between two clicks, so the steps are part of the result. Whoever applies a prompt
    in these steps, live or from a file, gets the same masks.
    """
    steps = []
    if prompt.mask is not None:
        steps.append(Prompt(prompt.frame, mask=prompt.mask))
    if prompt.box is not None:
        steps.append(Prompt(prompt.frame, box=prompt.box))
    first = prompt.labels.index(1) if not steps and 1 in prompt.labels else 0
    for index in sorted(range(len(prompt.points)), key=lambda index: index != first):
        point, label = prompt.points[index], prompt.labels[index]
        steps.append(Prompt(prompt.frame, points=(point,), labels=(label,)))
    return tuple(steps)


def _starts(prompt: Prompt) -> bool:
    return 1 in prompt.labels or prompt.box is not None or prompt.mask is not None


def _with_points(prompt: Prompt, points: Points | None) -> Prompt:
    where, labels = points if points is not None else ((), ())
    return replace(prompt, points=where, labels=labels)


def _with_box(prompt: Prompt, box: Box | None) -> Prompt:
    return replace(prompt, box=box)


def _joined(first: Prompt, second: Prompt) -> Prompt:
    return Prompt(
        first.frame,
        points=first.points + second.points,
        labels=first.labels + second.labels,
        box=second.box if second.box is not None else first.box,
        mask=second.mask if second.mask is not None else first.mask,
    )
