"""Objects with what is said of them: what the model is told, and on which frames an object can be."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from napari_sam2.session import lineage
from napari_sam2.session.lineage import Heirs, heir_at
from napari_sam2.session.object_list import ObjectList
from napari_sam2.session.places import Key, Plane
from napari_sam2.session.plans import Standing
from napari_sam2.session.prompt_steps import refines, startable, starts
from napari_sam2.session.prompts import Prompt

_NEAREST = 16
"""Accepted frames on each side of what is asked for: more than the model ever goes by at a time."""


class PromptedObjects(ObjectList):
    """Objects with their prompts, accepted frames and lineage, as a propagation sees them."""

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The planes that have prompts."""
        return tuple(dict.fromkeys(place[0] for place in self._content.prompts))

    def prompts(self, plane: Plane = ()) -> dict[Key, Prompt]:
        """A copy of the prompts of one plane by (object id, frame), as the user made them."""
        return {place[1:]: prompt for place, prompt in self._content.prompts.items() if place[0] == plane}

    def prompt(self, plane: Plane, object_id: int, frame: int) -> Prompt | None:
        """The prompt of an object on a frame, or None."""
        return self._content.prompts.get((plane, object_id, frame))

    def effective(
        self, plane: Plane = (), *, locks: bool = True, asked: Mapping[int, Collection[int]] | None = None
    ) -> dict[Key, Prompt]:
        """What the model is told of a plane, by (object id, frame), in the order in which it is applied.

        Clicks that correct a mask come with the mask that they correct, and (with `locks`) the mask of an accepted
        frame is the prompt of that frame. The same prompts give the same masks, here and from a file.

        Args:
            asked: the frames that the model is asked for, by object id: other objects are left out, and so are accepted
                frames that are too far away to count, or all where nothing is asked for. Thousands of them would be
                thousands of masks.
        """
        told = {}
        for key, prompt in self.prompts(plane).items():
            if asked is not None and key[0] not in asked:
                continue
            seen = self._content.seen.get((plane, *key))
            if seen is not None and refines(prompt, seen):
                prompt = replace(prompt, mask=seen)
            told[key] = prompt
        if locks and self.masks is not None:
            at: dict[int, list[int]] = {}
            for object_id, frame in self.locked_objects(plane) if asked is None else self._near(plane, asked):
                told.pop((object_id, frame), None)
                at.setdefault(frame, []).append(object_id)
            for frame, ids in at.items():
                for object_id, mask in self.masks.masks(plane, frame, ids).items():
                    told[object_id, frame] = Prompt(frame, mask=mask)
        return startable(told)

    def _near(self, plane: Plane, asked: Mapping[int, Collection[int]]) -> Iterator[Key]:
        """The accepted frames among those that are asked for, and the nearest ones with pixels on each side."""
        locked, masks = self.locked_by_object(plane, asked), self.masks
        for object_id, frames in asked.items():
            if not frames or masks is None:
                continue
            low, high = min(frames), max(frames)
            own = sorted(locked.get(object_id, ()))
            yield from ((object_id, frame) for frame in own if low <= frame <= high)
            for side in ([f for f in reversed(own) if f < low], [f for f in own if f > high]):
                with_pixels = (frame for frame in side if object_id in masks.objects(plane, frame))
                yield from ((object_id, frame) for frame in islice(with_pixels, _NEAREST))

    def anchors(self, object_id: int, plane: Plane = ()) -> frozenset[int]:
        """The frames on which something fixed is known of an object: prompts that say where it is, and locks."""
        prompted = {
            place[2]
            for place, prompt in self._content.prompts.items()
            if place[:2] == (plane, object_id) and starts(prompt)
        }
        return frozenset(prompted | self.locked_frames(object_id, plane))

    def _starts(self, plane: Plane) -> dict[int, set[int]]:
        """The frames on which it is said where an object is: prompts, and accepted frames on which it has pixels."""
        starts_of: dict[int, set[int]] = {}
        for (object_id, frame), prompt in self.prompts(plane).items():
            seen = self._content.seen.get((plane, object_id, frame))
            if starts(prompt) or (seen is not None and refines(prompt, seen)):
                starts_of.setdefault(object_id, set()).add(frame)
        held = self.locked_by_object(plane)
        if self.masks is not None:
            on = {frame: self.masks.objects(plane, frame) for frame in set().union(*held.values())}
            for object_id, frames in held.items():
                with_pixels = {frame for frame in frames if object_id in on[frame]}
                if with_pixels:
                    starts_of.setdefault(object_id, set()).update(with_pixels)
        return starts_of

    def heirs(self, plane: Plane = ()) -> dict[int, Heirs]:
        """The daughters of whom nothing is said but that they are what their mother became, by the mother's id.

        To the model they are the mother.
        """
        return self._heirs(self._starts(plane))

    def _heirs(self, starts_of: Mapping[int, Collection[int]]) -> dict[int, Heirs]:
        found, slices = {}, self.slices
        for object_id, frames in starts_of.items():
            own = lineage.heirs(self._content.parents, self._content.births, object_id, starts_of)
            if own:
                # Where somebody says that the mother is, she is.
                least = (max(frames) // slices + 1) * slices
                found[object_id] = tuple((max(first, least), heir) for first, heir in own)
        return found

    def standings(self, plane: Plane = ()) -> dict[int, Standing]:
        """What is known of every object of a plane of which it is said somewhere where it is, for `plans.passes`."""
        starts_of = self._starts(plane)
        held, heirs = self.locked_by_object(plane), self._heirs(starts_of)

        def along(object_id: int, frames_of: Callable[[int], Collection[int]]) -> frozenset[int]:
            """The frames of an object while it is called so, with those of its heirs."""
            own = heirs.get(object_id, ())
            names = (object_id, *(heir for _, heir in own))
            return frozenset(
                frame for name in names for frame in frames_of(name) if heir_at(own, object_id, frame) == name
            )

        return {
            object_id: Standing(
                frozenset(frames),
                along(object_id, lambda item: held.get(item, ())),
                along(object_id, lambda item: self.done(item, plane)),
                along(object_id, lambda item: self.scores.present(plane, item)),
                *self._life(object_id, heirs.get(object_id, ()), plane, starts_of),
            )
            for object_id, frames in starts_of.items()
        }

    def _life(
        self, object_id: int, heirs: Heirs, plane: Plane, starts_of: Mapping[int, Collection[int]]
    ) -> tuple[int, int | None]:
        """The first frame on which an object can be, and the first on which neither it nor its heirs can be any more.

        Slices of a time point belong together. Where somebody says that an object is, it is.
        """
        slices, parents = self.slices, self._content.parents
        births = {child: birth._replace(frame=birth.frame // slices) for child, birth in self._content.births.items()}

        def known(item: int) -> Collection[int]:
            there = {*starts_of.get(item, ()), *(self.scores.present(plane, item) & self.done(item, plane))}
            return {frame // slices for frame in there}

        born, _ = lineage.life(parents, births, object_id, known)
        _, gone = lineage.life(parents, births, heirs[-1][1] if heirs else object_id, known)
        own = [frame // slices for frame in starts_of[object_id]]
        return min(born, min(own)) * slices, max(gone, max(own) + 1) * slices if gone is not None else None
