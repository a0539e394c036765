"""The objects of a document: which there are, what they are called, where they come from and what was accepted."""

from collections.abc import Iterable
from dataclasses import replace

from napari_sam2.session import lineage
from napari_sam2.session.editable import DocumentError, Editable
from napari_sam2.session.history import MISSING
from napari_sam2.session.object_edits import DocumentObject, move, relate, rename_ids
from napari_sam2.session.places import EVERY, Key, Place, Plane, frame_text


class ObjectList(Editable):
    """Objects by their id, one of them the current one."""

    @property
    def objects(self) -> tuple[DocumentObject, ...]:
        """All objects, by ascending id, which is the order in which they were made."""
        return tuple(item for _, item in sorted(self._content.objects.items()))

    @property
    def current(self) -> int:
        """Id of the object that the next prompt belongs to."""
        return self._current

    @property
    def parents(self) -> dict[int, tuple[int, ...]]:
        """The parents of every object that has any, by its id."""
        return dict(self._content.parents)

    def name(self, object_id: int) -> str:
        """Name of an object. Raises KeyError when there is no such object."""
        return self._content.objects[object_id].name

    def has_prompts(self, object_id: int | None = None) -> bool:
        """Whether any object, or this one, has a prompt on any frame of any plane."""
        return any(object_id is None or place[1] == object_id for place in self._content.prompts)

    # Making and choosing objects ------------------------------------------------------------------------------------

    def new_object(self) -> int:
        """Make the next object the current one and return its id.

        While the newest object has no prompt yet it is taken instead, so that pressing twice makes no empty objects.
        """
        newest = max(self._content.objects)
        if newest in self.used_ids():
            newest = self.next_id()
            with self._edit("new object"):
                self._insert(newest)
        self.select(newest)
        return newest

    def next_id(self) -> int:
        """The smallest id above all that are in use."""
        return max(self._content.objects) + 1

    def ensure(self, object_ids: Iterable[int]) -> None:
        """Make the objects that do not exist yet, for prompts and labels that come from outside."""
        missing = [item for item in object_ids if item not in self._content.objects]
        with self._edit("new objects"):
            for object_id in missing:
                self._insert(object_id)

    def select(self, object_id: int) -> None:
        """Make an object the current one. Raises KeyError when there is no such object."""
        if object_id not in self._content.objects:
            raise KeyError(f"there is no object {object_id}, the objects are {sorted(self._content.objects)}")
        if object_id != self._current:
            self._current = object_id
            self.current_changed.emit(object_id)

    def step(self, by: int) -> int:
        """Select the object that many places after (or, when negative, before) the current one, round the end."""
        order = [item.id for item in self.objects]
        self.select(order[(order.index(self._current) + by) % len(order)])
        return self._current

    # Editing objects ------------------------------------------------------------------------------------------------

    def rename(self, object_id: int, name: str) -> None:
        """Give an object another name. Raises KeyError when there is no such object."""
        item = self._known(object_id)
        with self._edit(f"rename {item.name}"):
            self._content.tables.put("objects", object_id, replace(item, name=name))

    def merge(self, a: int, *others: int) -> int:
        """Let other objects become part of `a`: their pixels, prompts, accepted frames and children. Returns `a`.

        Raises KeyError when there is no such object, DocumentError for an object and itself.
        """
        if any(self._known(a) is self._known(other) for other in others):
            raise DocumentError(f"got object {a} twice; merge two different objects")
        one = f"merge {self.name(others[0])} into {self.name(a)}" if len(others) == 1 else ""
        with self._edit(one or f"merge {len(others) + 1} objects"):
            self._hand_over(dict.fromkeys(others, a))
        return a

    def split(self, object_id: int, frame: int) -> int:
        """Let the object be a new one, its child, from `frame` on. Returns the new id.

        Raises KeyError when there is no such object, DocumentError for the first frame.
        """
        item = self._known(object_id)
        if frame < 1:
            raise DocumentError("An object is split between two frames; go to the first frame of the later part.")
        new = self._room_for(self.next_id())
        with self._edit(f"split {item.name}"):
            self._insert(new)
            move(self._content, object_id, new, frame)
            relate(self._content, lineage.split(self._content.parents, object_id, new))
            self._content.tables.put("births", new, lineage.Birth(frame, goes_on=True))
            self._relabel({object_id: new}, frame)
        return new

    def divide(self, object_id: int, frame: int, plane: Plane = ()) -> int:
        """Let the object divide: it ends before `frame`, and two daughters begin. Returns the id of the second one.

        What the object is from `frame` on is the first daughter. The second one has no pixels yet and becomes the
        current object. A daughter that begins on `frame` itself gets a sister.

        Raises KeyError when there is no such object, DocumentError for the first frame.
        """
        item = self._known(object_id)
        slices = self.slices
        start = frame // slices * slices
        if start < 1:
            raise DocumentError("A cell divides between two frames; go to the first frame with two cells.")
        self._room_for(self.next_id() + 1)
        with self._edit(f"division of {item.name}"):
            mothers = self._content.parents.get(object_id, ())
            if not mothers or self._on(object_id, range(start - slices, start), plane):
                mothers = (object_id,)
                if self._on(object_id, range(start, start + slices), plane):
                    self.split(object_id, start)
            new = self.next_id()
            self._insert(new)
            self._content.tables.put("parents", new, mothers)
            self._content.tables.put("births", new, lineage.Birth(start))
        self.select(new)
        return new

    def _on(self, object_id: int, frames: Iterable[int], plane: Plane) -> bool:
        """Whether an object has pixels on any of these frames."""
        return self.masks is not None and any(object_id in self.masks.objects(plane, frame) for frame in frames)

    def delete(self, *object_ids: int) -> None:
        """Take objects away with their prompts and pixels. Raises KeyError when there is no such object."""
        names = [self._known(object_id).name for object_id in object_ids]
        with self._edit(f"delete {names[0] if len(names) == 1 else f'{len(names)} objects'}"):
            self._hand_over(dict.fromkeys(object_ids, 0))

    def renumber(self, object_id: int, new_id: int) -> int:
        """Give an object another id, in its pixels too. Returns the new id.

        Raises KeyError when there is no such object, DocumentError when the id is taken or cannot be a label.
        """
        item = self._known(object_id)
        if new_id == object_id:
            return new_id
        if new_id in self._content.objects:
            raise DocumentError(f"{new_id} is the id of {self.name(new_id)}; merge the two, or choose another id")
        if new_id < 1:
            raise DocumentError(f"got the id {new_id}, expected a whole number from 1 on")
        self._room_for(new_id)
        with self._edit(f"renumber {item.name}"):
            name = f"object {new_id}" if item.name == f"object {object_id}" else item.name
            self._content.tables.put("objects", new_id, DocumentObject(new_id, name))
            self._hand_over({object_id: new_id})
        return new_id

    def set_parents(self, object_id: int, parents: Iterable[int]) -> None:
        """Say which objects an object comes from; none for one that came by itself.

        Raises KeyError for an object that does not exist, DocumentError for one that would be its own ancestor.
        """
        item = self._known(object_id)
        own = tuple(dict.fromkeys(self._known(parent).id for parent in parents))
        circle = [parent for parent in own if lineage.is_descendant(self._content.parents, parent, object_id)]
        if circle:
            raise DocumentError(f"{self.name(circle[0])} comes from {item.name} itself; take that back first")
        with self._edit(f"parents of {item.name}"):
            self._content.tables.put("parents", object_id, own or MISSING)
            if not own:
                self._content.tables.put("births", object_id, MISSING)

    # Accepted frames ------------------------------------------------------------------------------------------------

    def lock(self, object_id: int, frame: int, plane: Plane = ()) -> None:
        """Accept a frame of an object, or (id 0) of every object: propagation leaves it alone and goes by it."""
        self._set_lock((plane, object_id, frame), True)

    def unlock(self, object_id: int, frame: int, plane: Plane = ()) -> None:
        """Accept a frame no longer. A frame that was accepted as a whole stays accepted for single objects."""
        self._set_lock((plane, object_id, frame), False)

    def locked(self, plane: Plane = ()) -> frozenset[Key]:
        """(object id, frame) of what was accepted; object id 0 stands for every object of the frame."""
        return frozenset(place[1:] for place in self._content.locks if place[0] == plane)

    def is_locked(self, object_id: int, frame: int, plane: Plane = ()) -> bool:
        """Whether propagation must leave an object alone on a frame."""
        locks = self._content.locks
        return (plane, object_id, frame) in locks or (plane, EVERY, frame) in locks

    def is_locked_itself(self, object_id: int, frame: int, plane: Plane = ()) -> bool:
        """Whether a frame was accepted for just this object id; 0 stands for the frame as a whole."""
        return (plane, object_id, frame) in self._content.locks

    def locked_frames(self, object_id: int, plane: Plane = ()) -> frozenset[int]:
        """The frames on which propagation must leave an object alone."""
        locks = self._content.locks
        return frozenset(locks.frames(object_id, plane)) | frozenset(locks.frames(EVERY, plane))

    def locked_objects(self, plane: Plane = ()) -> list[Key]:
        """(object id, frame) of what was accepted, with the single objects of frames that were accepted as a whole."""
        keys = self.locked(plane)
        whole = {frame for object_id, frame in keys if object_id == EVERY}
        single = {key for key in keys if key[0] != EVERY}
        return sorted(single | {(item, frame) for item in self._content.objects for frame in whole})

    def locked_by_object(self, plane: Plane = (), object_ids: Iterable[int] | None = None) -> dict[int, set[int]]:
        """The frames that were accepted, by object; of these objects, or of all that have any."""
        found = {item: set(frames) for item, frames in self._content.locks.by_object(plane).items()}
        whole = found.pop(EVERY, set())
        if whole:
            found = {item: found.get(item, set()) | whole for item in self._content.objects}
        if object_ids is not None:
            found = {item: found[item] for item in object_ids if item in found}
        return found

    # How it is done -------------------------------------------------------------------------------------------------

    def _insert(self, object_id: int) -> None:
        self._content.tables.put("objects", object_id, DocumentObject(object_id, f"object {object_id}"))

    def _known(self, object_id: int) -> DocumentObject:
        if object_id not in self._content.objects:
            raise KeyError(f"there is no object {object_id}, the objects are {sorted(self._content.objects)}")
        return self._content.objects[object_id]

    def used_ids(self) -> set[int]:
        """The objects of which anything is known: prompts, finished frames or scores."""
        tables = (self._content.done, self._content.scores)
        carried = {object_id for table in tables for (_, object_id), frames in table.items() if len(frames)}
        return carried | {place[1] for place in self._content.prompts}

    def _room_for(self, object_id: int) -> int:
        if self.masks is not None and object_id > self.masks.largest_id:
            raise DocumentError(f"the labels hold ids up to {self.masks.largest_id}, which {object_id} is beyond")
        return object_id

    def _hand_over(self, ids: dict[int, int]) -> None:
        """Let everything of objects belong to other ones, or (0) to none."""
        for old, new in ids.items():
            move(self._content, old, new)
            self._content.tables.put("objects", old, MISSING)
        rename_ids(self._content, ids)
        if not self._content.objects:
            self._insert(next(iter(ids)))
        elif ids.get(self._current):
            self.select(ids[self._current])
        self._relabel(ids)

    def _relabel(self, ids: dict[int, int], first: int = 0) -> None:
        step = self._content.tables.step
        if self.masks is not None and step is not None:
            step.pixels.extend(self.masks.relabel(ids, first))
        # What such an object was before its prompts must not come back when they go.
        self.covers.drop_objects(ids, first)
        for key, rows in self.scores.relabelled(ids, first).items():
            self._content.tables.put("scores", key, MISSING if rows is None else rows)

    def _lift(self, place: Place) -> None:
        """Who speaks of an accepted frame does not accept it any more; the other objects stay accepted there."""
        plane, object_id, frame = place
        put = self._content.tables.put
        if (plane, EVERY, frame) in self._content.locks:
            put("locks", (plane, EVERY, frame), MISSING)
            for other in self._content.objects:
                put("locks", (plane, other, frame), True)
        put("locks", (plane, object_id, frame), MISSING)

    def _set_lock(self, place: Place, locked: bool) -> None:
        if place[1] != EVERY:
            self._known(place[1])
        with self._edit(f"{'accept' if locked else 'take back'} {frame_text(place[2], self.slices)}"):
            self._content.tables.put("locks", place, True if locked else MISSING)
