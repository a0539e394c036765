"""The network applied to objects in views: batches, features, answers, memories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.sam2 import ImageFeatures, Memory, Sam2, Segmentation
from napari_sam2.sam2.image_input import prepare
from napari_sam2.sam2.precision import mixed
from napari_sam2.sam2.prompt_encoder import BOX_END, BOX_START, POSITIVE
from napari_sam2.sam2.transfer import to_device
from napari_sam2.tracking.encoding_ahead import EncodingAhead
from napari_sam2.tracking.feature_cache import FeatureCache
from napari_sam2.tracking.feature_store import FeatureStore, weights_digest
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.glance import Glance, Seen
from napari_sam2.tracking.memory_bank import Remembered, Selection
from napari_sam2.tracking.objects import Answer, Interaction
from napari_sam2.tracking.options import TrackerOptions
from napari_sam2.tracking.plates import LatticeView, Plate, arrange
from napari_sam2.tracking.regions import drop_specks, fill_holes
from napari_sam2.tracking.second_look import agreement, sightings, together
from napari_sam2.tracking.shortage import let_go, out_of_memory
from napari_sam2.tracking.view import View

TOKENS_AT_ONCE, TOKENS_ON_CPU = 2**14, 2**12
"""Of all objects in a batch: their finest maps are sixteen times as large. A processor gains nothing from larger ones:
ten objects in whole frames took 9.4 s one by one and 12.8 s in fours."""
PREVIOUS_CLAMP = 32.0
"""Logits of the answer before, given back as a mask prompt, stay within this (Meta's video predictor)."""
OUTSIDE_LOGIT = -10.0
"""Where an answer is moved into a view that reaches further."""


@dataclass(frozen=True)
class Prompted:
    """An object to be segmented from what the user said, in a view."""

    view: View
    said: Sequence[Interaction]
    """Everything said on the frame so far; the network sees the points of all of it."""
    previous: Tensor | None = None
    """(1, S / 4, S / 4) logits of the answer before, in the same view; not on the model's device."""
    memory: Selection | None = None
    """None: nothing is remembered of the object."""
    looks: Sequence[View] = ()
    """Other windows around a first click or box: what is found in them too is preferred, and its mean is taken."""


Done = TypeVar("Done")

MOST_CLICKS = 2**10
"""In one view, as far as memory is known to reach."""
LARGEST_PLATE = 64
"""Side of a plate, in tokens: larger ones save little and take much memory."""


class Network:
    """Runs one model over the frames of one stack. Holds no state of objects, only a cache of features."""

    def __init__(self, model: Sam2, frames: Frames, options: TrackerOptions) -> None:
        quick = model.quick_dtype if options.precision == "auto" else None
        self.model = model if quick is None or quick == model.dtype else mixed(model, quick)
        self.frames, self.options = frames, options
        self.config = model.config
        self.cache = FeatureCache(options.feature_cache_bytes)
        self._batch, self._most_clicks = options.batch, MOST_CLICKS
        folder, limit = options.feature_folder, options.feature_folder_bytes
        self._store = None if folder is None else FeatureStore(folder, limit, weights_digest(self.model))
        self.ahead = EncodingAhead(partial(self._encoded_of, keep=True), self.model.device, options.encode_ahead)

    def tokens(self, view: View) -> int:
        """Side of a view in tokens of the network."""
        return view.tokens if isinstance(view, LatticeView) else self.config.feature_size

    def image(self, frame: int, view: View, size: int | tuple[int, int] | None = None) -> Tensor:
        """Normalised (3, S, S) input of a view, or (3, height, width) where a pair is given as ``size``."""
        return self._input(self.frames.tensor(frame), view, size)

    def _input(self, pixels: Tensor, view: View, size: int | tuple[int, int] | None = None) -> Tensor:
        """:meth:`image` of a (C, y, x) frame."""
        # Cut out first: a window is all that another device needs to see of a large frame.
        image = to_device(view.crop(pixels, size or self.config.image_size), self.model.device)
        if not self.config.local_contrast:
            image = image.clamp(0, 1)
        return prepare(image[None], self.config)[0].to(self.model.dtype)

    def features(self, frame: int, views: Sequence[View], *, keep: bool) -> ImageFeatures:
        """Features of one view per object, as a batch; ``keep`` puts them into the cache. See :meth:`glance`."""
        glance = self.glance(frame, views, keep=keep)
        return glance.of(range(len(views)), once=False)

    def glance(self, frame: int, views: Sequence[View], *, keep: bool) -> Glance:
        """Look at a frame in several views. Equal views are encoded once, those on lattices plate by plate.

        ``keep`` puts the features into the cache, for frames that will be looked at again.
        """
        seen: list[Seen | None] = [None] * len(views)
        on_lattice = [index for index, view in enumerate(views) if isinstance(view, LatticeView)]
        lattice: list[LatticeView] = [views[index] for index in on_lattice]  # type: ignore[misc]
        for plate, members in self._plates(lattice):
            features = self._plate(frame, plate, keep=keep)
            for member in members:
                seen[on_lattice[member]] = features, lattice[member].place_in(plate)
        plain = [index for index in range(len(views)) if seen[index] is None]
        encoded = self._encoded(frame, [views[index] for index in plain], keep=keep)
        for index in plain:
            seen[index] = encoded[views[index]], None
        return Glance([one for one in seen if one is not None])

    def _plates(self, lattice: Sequence[LatticeView]) -> list[tuple[Plate, list[int]]]:
        """Plates with the indices of the windows that are cut from them."""
        largest = max(LARGEST_PLATE, self.config.feature_size)
        least = 0 if self.config.windows else self.config.feature_size
        return arrange(lattice, self.frames.shape, largest, least)

    def _plate(self, frame: int, plate: Plate, *, keep: bool) -> ImageFeatures:
        """Features of a plate, as a batch of 1."""
        features = self.cache.get((frame, plate))
        if features is None:
            features = self.ahead.take(frame, plate)
            if features is None:
                features = self._encoded_of(self.frames.tensor(frame), plate, keep=keep)
            if keep:
                self.cache.put((frame, plate), features)
        return features

    def _encoded_of(self, pixels: Tensor, seen: View | Plate, *, keep: bool) -> ImageFeatures:
        """Features of a view or plate of a (C, y, x) frame, as a batch of 1."""
        if isinstance(seen, Plate):
            return self._encode(self._input(pixels, seen.view, (32 * seen.rows, 32 * seen.columns)), keep=keep)
        return self._encode(self._input(pixels, seen), keep=keep)

    def _begin(self, frame: int, views: Sequence[View]) -> None:
        """Let the next frame be encoded while this one, which is seen in ``views``, is worked on.

        Only where all of a frame is looked at: that will be so whatever is found on this one.
        """
        for view in dict.fromkeys(views):
            seen = self._plates([view])[0][0] if isinstance(view, LatticeView) else view
            if (seen.view if isinstance(seen, Plate) else seen).covers(self.frames.shape):
                if (frame, seen) not in self.cache:
                    self.ahead.begin(frame, seen, self.frames.coming(frame))
                return

    def _encode(self, image: Tensor, *, keep: bool) -> ImageFeatures:
        """Features of one (3, H, W) input as a batch of 1, from the disk where they are there."""
        if self._store is None or not keep:
            return self.model.encode_image(image[None])
        features = self._store.get(image)
        if features is None:
            features = self.model.encode_image(image[None])
            self._store.put(image, features)
        return features

    def _encoded(self, frame: int, views: Sequence[View], *, keep: bool) -> dict[View, ImageFeatures]:
        """Features of views that share nothing, as batches of 1."""
        known: dict[View, ImageFeatures] = {}
        missing: list[View] = []
        for view in dict.fromkeys(views):
            cached = self.cache.get((frame, view))
            if cached is None:
                cached = self.ahead.take(frame, view)
                if cached is not None and keep:
                    self.cache.put((frame, view), cached)
            if cached is None:
                missing.append(view)
            else:
                known[view] = cached
        while missing:
            size = self._batch if self._store is None or not keep else 1
            several = missing[:size]
            encoded = self._or_fewer(len(several), partial(self._encoded_together, frame, several, keep=keep))
            if encoded is None:
                self._batch = max(1, len(several) // 2)
                continue
            for view, features in zip(several, encoded, strict=True):
                known[view] = features
                if keep:
                    self.cache.put((frame, view), features)
            del missing[:size]
        return known

    def _encoded_together(self, frame: int, views: Sequence[View], *, keep: bool) -> list[ImageFeatures]:
        """Features of views as batches of 1, from one run of the network."""
        images = [self.image(frame, view) for view in views]
        if len(images) == 1:
            return [self._encode(images[0], keep=keep)]
        encoded = self.model.encode_image(torch.stack(images))
        alone = [encoded[index : index + 1] for index in range(len(images))]
        # A slice would keep the whole batch alive.
        return [ImageFeatures(*(part.clone() for part in vars(one).values())) for one in alone] if keep else alone

    def _or_fewer(self, size: int, work: Callable[[], Done]) -> Done | None:
        """What is made of a batch of ``size``; None where memory ran out, and half as many are to be tried."""
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or (size == 1 and not self.ahead.on):
                raise
        # Behind the handler, because the error keeps what the batch had taken.
        self.ahead.give_up()
        let_go(self.model.device)
        return None

    def _memory(self, selections: Sequence[Selection]) -> Memory:
        """Selections of equal signature as one batch."""
        first = selections[0]
        maps = [torch.stack([s.maps[k].map for s in selections]) for k in range(len(first.maps))]
        pointers = [torch.stack([s.pointers[p].pointer for s in selections]) for p in range(len(first.pointers))]
        return Memory(maps, first.ages, pointers, first.times, first.span)

    def track(
        self,
        frame: int,
        views: Sequence[View],
        selections: Sequence[Selection],
        *,
        keep: bool,
        after: int | None = None,
    ) -> Iterator[tuple[int, Answer, Remembered]]:
        """Segment and remember objects that are not prompted on ``frame``; ``keep`` as for :meth:`features`.

        ``after`` is a frame that they, or others, will be followed to next: it may be encoded meanwhile.

        Yields (index, answer, memory) in no particular order.
        """
        if not views:
            return
        most = TOKENS_ON_CPU if self.model.device.type == "cpu" else TOKENS_AT_ONCE
        glance = self.glance(frame, views, keep=keep)
        if keep and self.ahead.on and after not in (None, frame):
            self._begin(after, views)
        groups: dict[tuple[object, int], list[int]] = defaultdict(list)
        for index, selection in enumerate(selections):
            groups[selection.signature, self.tokens(views[index])].append(index)
        for (_, tokens), members in groups.items():
            waiting = list(members)
            while waiting:
                size = max(1, min(self._batch, most // tokens**2))
                batch = waiting[:size]
                done = self._or_fewer(len(batch), partial(self._track, frame, glance, batch, views, selections))
                if done is None:
                    self._batch = max(1, len(batch) // 2)
                    continue
                yield from done
                del waiting[:size]

    def _track(
        self, frame: int, glance: Glance, batch: list[int], views: Sequence[View], selections: Sequence[Selection]
    ) -> list[tuple[int, Answer, Remembered]]:
        """:meth:`track` for objects that go through the network together."""
        features = glance.of(batch)
        image = self.model.condition(features, self._memory([selections[i] for i in batch]))
        found = self.model.segment(image, features, several=True)
        maps = self.model.encode_memory(features, found.best_logits, found.object_scores, prompted=False)
        answers = self._answers(frame, [views[i] for i in batch], found)
        together = zip(batch, answers, maps, strict=True)
        return [(index, answer, self._remembered(answer, memory_map)) for index, answer, memory_map in together]

    def _answers(
        self, frame: int, views: Sequence[View], found: Segmentation, clicked: Sequence[tuple[int, int]] | None = ()
    ) -> list[Answer]:
        # All of a batch at once: a graphics card that is waited for stands still.
        filled = fill_holes(found.best_logits.float().cpu(), self.options.fill_holes)
        if clicked is not None:  # every part of a painted mask is wanted
            filled = drop_specks(filled, self.options.smallest_part, clicked)
        scores, ious = found.object_scores[:, 0].tolist(), found.best_ious.tolist()
        return [
            Answer(
                frame,
                view,
                filled[row],
                found.pointers[row].clone(),
                scores[row],
                ious[row],
                found.logits[row, found.order[row]].float(),
                found.ious[row, found.order[row]].float(),
            )
            for row, view in enumerate(views)
        ]

    @staticmethod
    def _remembered(answer: Answer, memory_map: Tensor) -> Remembered:
        return Remembered(
            frame=answer.frame,
            view=answer.view,
            # Meta's video predictor keeps memories in half the bytes too, whatever the precision of the network.
            map=memory_map.to(torch.bfloat16, copy=True),
            pointer=answer.pointer,
            logits=answer.logits.clone(),
            object_score=answer.object_score,
            predicted_iou=answer.predicted_iou,
        )

    def remember(self, answer: Answer, view: View) -> Remembered:
        """Memory of a prompted frame, made from the answer as shown (holes filled), as certain, in any view."""
        was = answer.view
        if view != was:
            logits = answer.view.resample(answer.logits, view, OUTSIDE_LOGIT, 4 * self.tokens(view))
            answer = replace(answer, view=view, logits=logits)
        features = self._cut(answer.frame, was, view)
        score = torch.full((1, 1), answer.object_score, device=self.model.device)
        logits = to_device(answer.logits[None], self.model.device)
        memory_map = self.model.encode_memory(features, logits, score, prompted=True)
        return self._remembered(answer, memory_map[0])

    def _cut(self, frame: int, whole: View, part: View) -> ImageFeatures:
        """Features of a view, out of those of another one that holds it: these are there already."""
        if isinstance(whole, LatticeView) and isinstance(part, LatticeView) and whole.plate.holds(part):
            return self.features(frame, [whole], keep=True).crop(*part.place_in(whole.plate))
        return self.features(frame, [part], keep=True)

    def answer(self, frame: int, asked: Prompted) -> Answer:
        """Segment one object from what the user said."""
        features = self.features(frame, [asked.view], keep=True)
        last = asked.said[-1]
        if last.mask is not None:
            mask = asked.view.crop_mask(last.mask, 16 * self.tokens(asked.view))
            found = self.model.answer_with_mask(features, to_device(mask[None], self.model.device))
            (answer,) = self._answers(frame, [asked.view], found, clicked=None)
            painted = last.mask if self.options.hold_painted else None
            return Answer(**{**vars(answer), "painted": painted})
        if asked.memory is None or not asked.memory.maps:
            image = self.model.without_memory(features)
        else:
            image = self.model.condition(features, self._memory([asked.memory]))
        xy, labels = self.points(asked)
        previous = None
        if asked.previous is not None:
            previous = to_device(asked.previous[None], self.model.device).clamp(-PREVIOUS_CLAMP, PREVIOUS_CLAMP)
        again = sightings(asked.view, asked.looks, self._asked_again(frame, asked)) if asked.looks else []
        # A box counts as two points, so only a single click is ambiguous.
        several = xy.shape[1] <= 1
        prefer = partial(agreement, again) if again else None
        there = to_device(xy, self.model.device), to_device(labels, self.model.device)
        found = self.model.segment(
            image, features, *there, previous, several=several, chosen=last.candidate, prefer=prefer
        )
        if again:
            found = together(again, found)
        cells = ((xy[0, labels[0] == POSITIVE].flip(-1) + 0.5) // 4).clamp(0, 4 * self.tokens(asked.view) - 1)
        clicked = [(int(row), int(column)) for row, column in cells.tolist()]
        return self._answers(frame, [asked.view], found, clicked)[0]

    def _asked_again(self, frame: int, asked: Prompted) -> Segmentation:
        """The same prompts in other windows, one entry of the batch for each of ``asked.looks``."""
        features = self.features(frame, asked.looks, keep=False)
        parts = zip(*(self.points(replace(asked, view=view)) for view in asked.looks), strict=True)
        xy, labels = (to_device(torch.cat(part), self.model.device) for part in parts)
        image = self.model.without_memory(features)
        return self.model.segment(image, features, xy, labels, several=labels.shape[1] <= 1)

    def points(self, asked: Prompted) -> tuple[Tensor, Tensor]:
        """Points (1, N, 2) as (x, y) of the input and labels (1, N), not on the device; corners of a box come first."""
        size = 16 * self.tokens(asked.view)
        # A mask starts anew: what was said before it is not repeated.
        since = max((i + 1 for i, step in enumerate(asked.said) if step.mask is not None), default=0)
        places: list[Tensor] = []
        labels: list[int] = []
        boxes = [step.box for step in asked.said[since:] if step.box is not None]
        if boxes:
            y0, x0, y1, x1 = boxes[-1]
            places.append(asked.view.to_input([[y0, x0], [y1, x1]], size))
            labels += [BOX_START, BOX_END]
        for step in asked.said[since:]:
            if len(step.points):
                places.append(asked.view.to_input(step.points, size))
                labels += [int(label) for label in step.labels]
        return torch.cat(places)[None], torch.tensor([labels])

    def candidates(self, frame: int, views: Sequence[View], yx: tuple[float, float]) -> Segmentation:
        """Segment what a single click at ``yx`` means in each of several views, without memory."""
        features = self.features(frame, views, keep=False)
        xy = torch.stack([view.to_input([yx], self.config.image_size) for view in views])
        labels = torch.ones(len(views), 1, dtype=torch.long, device=self.model.device)
        image = self.model.without_memory(features)
        return self.model.segment(image, features, to_device(xy, self.model.device), labels, several=True)

    def clicked(
        self, frame: int, view: View, yx: NDArray[np.floating], most: int
    ) -> Iterator[tuple[NDArray[np.floating], Segmentation]]:
        """Segment what each of (N, 2) clicks (y, x) of the frame means by itself in a view.

        Yields the clicks of a batch, at most ``most``, and what they mean.
        """
        features = self.features(frame, [view], keep=False)
        image = self.model.without_memory(features)
        while len(yx):
            some = yx[: min(most, self._most_clicks)]
            xy = to_device(view.to_input(some, self.config.image_size)[:, None], self.model.device)
            found = self._or_fewer(len(some), partial(self._clicked_together, image, features, xy))
            if found is None:
                self._most_clicks = max(1, len(some) // 2)
                continue
            yield some, found
            yx = yx[len(some) :]

    def _clicked_together(self, image: Tensor, features: ImageFeatures, xy: Tensor) -> Segmentation:
        """:meth:`clicked` for (N, 1, 2) places of the input that go through the network together."""
        count = len(xy)
        same = ImageFeatures(*(part.expand(count, -1, -1, -1) for part in vars(features).values()))
        labels = torch.ones(count, 1, dtype=torch.long, device=self.model.device)
        return self.model.segment(image.expand(count, -1, -1, -1), same, xy, labels, several=True)
