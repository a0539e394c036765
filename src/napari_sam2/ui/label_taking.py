"""Labels of another layer as masks of objects, frame by frame, so that the viewer need not wait for all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_sam2.session.document import Plane
from napari_sam2.session.history import Step
from napari_sam2.session.label_prompts import LabelChoices, Name, TakenFrame, masks_by_frame, names_by_frame, new_ids
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.inference import InferenceThread
from napari_sam2.ui.messages import explain
from napari_sam2.ui.workspace import Workspace
from napari_sam2.wording import counted

_LINKED = 0.5
"""Below this share of labels that overlap themselves on the next frame, they are no tracks."""


@dataclass(frozen=True)
class LabelWish:
    """Which labels become prompts, and how.

    Attributes:
        layer: the Labels layer that they are taken from.
        frames: (first, last) frame, both included.
        keep: an object has the number of its label, where that is free; else all numbers are new.
        choices: what is left out, and what becomes of labels in pieces.
    """

    layer: Labels
    frames: tuple[int, int]
    keep: bool = True
    choices: LabelChoices = field(default_factory=LabelChoices)


class LabelTaking:
    """Looks through the labels once for their names, then makes prompts of them. One undo takes all of it back.

    Events:
        changed(): it is further on, or over.
    """

    changed = Signal()

    def __init__(self, thread: InferenceThread, tell: Callable[[str, str], None]) -> None:
        self._thread = thread
        self._tell = tell
        self._number = 0
        self._step: Step | None = None
        self.running = False
        self.done, self.total = 0, 1

    def start(self, work: Workspace, wish: LabelWish) -> None:
        """Take the labels, on the plane on screen. Says why, when it cannot be done; then nothing is changed."""
        plane, frame = work.visible()
        frames = range(min(wish.frames), max(wish.frames) + 1)
        read = _reader(work, wish.layer, plane)
        if read is None:
            self._tell(
                "warning",
                f"{wish.layer.name} has shape {tuple(wish.layer.data.shape)}, expected {work.axes.shape} or one "
                f"frame of {work.axes.frame_shape}. Choose labels of this image.",
            )
            return
        if wish.layer.data.ndim == 2 and len(work.axes.shape) > 2:
            # Labels of a single frame are those of the frame on screen.
            frames = range(frame, frame + 1)
        self._number += 1
        self._step = None
        self.running, self.done, self.total = True, 0, 2 * len(frames)
        names: dict[Name, None] = {}
        counts = [0, 0]
        self._go_on(
            names_by_frame(read, frames, wish.choices),
            lambda found: self._on_names(names, counts, *found),
            lambda: self._on_looked(work, plane, wish, frames, read, list(names), counts),
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Stop. What was taken stays, and one undo takes it back."""
        if self.running:
            self._number += 1
            self._end()

    def _go_on(self, run: Iterator[Any], take: Callable[[Any], None], end: Callable[[], None]) -> None:
        """Let a run go on, on the thread, piece by piece, so that clicks are answered in between."""
        number = self._number

        def on_piece(piece: Any) -> None:
            if number == self._number:
                if piece is None:
                    end()
                else:
                    self.done += 1
                    take(piece)
                    ask()
                    self.changed.emit()

        def on_failed(error: BaseException) -> None:
            if number == self._number:
                self._tell("error", explain(error, "reading the labels"))
                self._end()

        def ask() -> None:
            self._thread.submit(lambda: next(run, None), done=on_piece, failed=on_failed)

        ask()

    def _on_names(self, names: dict[Name, None], counts: list[int], found: list[Name], kept: int, common: int) -> None:
        # The same label is the same object on every frame; the pieces of one are told apart by their order.
        names.update(dict.fromkeys(found))
        counts[0] += kept
        counts[1] += common

    def _on_looked(
        self,
        work: Workspace,
        plane: Plane,
        wish: LabelWish,
        frames: range,
        read: Callable[[int], np.ndarray],
        names: list[Name],
        counts: list[int],
    ) -> None:
        ids = self._ids(work, wish, names, counts)
        if not ids:
            self._end()
            return

        def end() -> None:
            self._end(work)
            self._tell(
                "info", f"{counted(len(ids), 'object')} from {wish.layer.name}. Propagate (G) goes on from there."
            )

        name = wish.layer.name
        run = masks_by_frame(read, frames, wish.choices, ids)
        self._go_on(run, lambda taken: self._on_taken(work, plane, name, taken), end)

    def _ids(self, work: Workspace, wish: LabelWish, names: list[Name], counts: list[int]) -> dict[Name, int]:
        """The object id of every name, none when the labels cannot be taken; says why."""
        kept, common = counts
        if common and kept / common < _LINKED:
            self._tell(
                "warning",
                f"Only {kept / common:.0%} of the labels of {wish.layer.name} lie on themselves from frame to frame: "
                "they are numbered anew on each. Take one frame of them and propagate.",
            )
            return {}
        if not names:
            self._tell("warning", f"There is no label of {wish.choices.smallest} or more pixels on these frames.")
            return {}
        taken = work.document.used_ids()
        ids = dict(zip(names, new_ids([label for label, _ in names], taken, keep=wish.keep), strict=True))
        largest = work.objects.masks.largest_id
        if max(ids.values()) > largest:
            self._tell(
                "warning", f"The labels go up to {max(ids.values())}, the masks up to {largest}. Take new numbers."
            )
            return {}
        return ids

    def _on_taken(self, work: Workspace, plane: Plane, name: str, taken: TakenFrame) -> None:
        """Put one frame into the document, and draw it: the model need not look at it."""
        document, frame = work.document, taken.frame
        text = f"labels of {name}"
        with work.drawn(), document.one_step(text, shown=True, onto=self._step) as step:
            document.set_prompts({(item, frame): Prompt(frame, mask=mask) for item, mask in taken.masks.items()}, plane)
            before = work.objects.frame(plane, frame)
            document.covers.keep(plane, frame, taken.masks, before)
            delta = work.objects.masks.write(plane, frame, np.where(taken.picture > 0, taken.picture, before))
            if delta is not None:
                step.pixels.append(delta)
        if self._step is None and not step.empty:
            self._step = step

    def _end(self, work: Workspace | None = None) -> None:
        self.running = False
        if self._step is not None and work is not None:
            # Their marks are shown once, at the end.
            work.document.restored.emit()
        self._step = None
        self.changed.emit()


def _reader(work: Workspace, layer: Labels, plane: Plane) -> Callable[[int], np.ndarray] | None:
    """Reads the (y, x) labels of a frame of a layer; None when it does not fit the image."""
    data, axes = layer.data, work.axes
    if tuple(data.shape) == axes.shape:
        return lambda frame: np.array(data[axes.index(plane, frame)])
    if tuple(data.shape) == axes.frame_shape:
        return lambda frame: np.array(data)
    return None
