"""The ways to prompt beside clicks and boxes: tools to draw and paint, other masks of a click, proposals, labels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_sam2.session.document import Plane
from napari_sam2.session.drawn import lean
from napari_sam2.session.label_prompts import LabelChoices, linked_share, masks_of_labels, new_ids
from napari_sam2.session.places import Place
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.inference import InferenceThread, Segmenter, Target
from napari_sam2.ui.proposals import Proposals
from napari_sam2.ui.readings import Readings
from napari_sam2.ui.workspace import ViewerLike, Workspace

TOOLS = {
    "points": "add",
    "box": "add_rectangle",
    "lasso": "add_polygon_lasso",
    "scribble": "add_path",
    "paint": "paint",
}
"""Every tool, and the mode of its layer in which a gesture makes a prompt."""

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


class Prompting:
    """What the tools of the widget do.

    Events:
        changed(): something that the widget shows may be different.
        failed(error): a search for proposals ended with an exception.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(
        self, viewer: ViewerLike, thread: InferenceThread, segmenter: Segmenter, tell: Callable[[str, str], None]
    ) -> None:
        self._tell = tell
        self.tool = "points"
        self.readings = Readings(viewer)
        self.proposals = Proposals(viewer, thread, segmenter)
        self.proposals.changed.connect(self.changed.emit)
        self.proposals.failed.connect(self.failed.emit)
        self.proposals.told.connect(tell)

    def forget(self) -> None:
        """Another image is worked on, or other frames of it."""
        self.tool = "points"
        self.readings.clear()
        self.proposals.cancel()
        self.proposals.reject_all()

    def close(self) -> None:
        """Let go of the viewer; it may be on its way out, so layers are left alone."""
        self.proposals.cancel()
        self.proposals.close()

    def set_tool(self, work: Workspace, tool: str) -> None:
        """Let the next gestures in the image be those of a tool."""
        self.tool = tool
        work.ready_for(tool, TOOLS[tool])
        self.changed.emit()

    def on_change(self, place: Place) -> None:
        """A prompt is another one: what its click can mean must be asked anew."""
        if self.readings.place == place:
            self.readings.clear()

    def on_current(self, work: Workspace, object_id: int) -> None:
        """The next prompts belong to another object: so do the strokes of the brush."""
        self.readings.clear()
        if self.tool == "paint":
            work.layers[0].selected_label = object_id

    def on_preview(self, work: Workspace, plane: Plane, frame: int, result: Any) -> None:
        """Masks of prompted objects have come: show what else the click on the current one can mean."""
        self.readings.show(work, plane, frame, result)

    def other_mask(self, work: Workspace) -> None:
        """Take another mask of the ambiguous click on the current object and frame."""
        if not self.readings.next(work):
            self._tell(
                "info", "There is no other mask to choose. A single click that can mean several things offers some."
            )

    def propose(self, work: Workspace, target: Target) -> None:
        """Look for all objects of the frame on screen; while that goes on, stop it."""
        if self.proposals.running:
            self.proposals.cancel()
        else:
            self.proposals.start(work, target)

    def take_labels(self, work: Workspace, wish: LabelWish) -> int:
        """Make mask prompts of the labels of another layer, on the plane on screen. Returns how many objects there are.

        Says why, when it cannot be done; then nothing is changed.
        """
        plane, _ = work.visible()
        frames = range(min(wish.frames), max(wish.frames) + 1)
        pictures = _pictures(work, wish.layer, plane, frames)
        if pictures is None:
            self._tell(
                "warning",
                f"{wish.layer.name} has shape {tuple(wish.layer.data.shape)}, expected {work.axes.shape} or one "
                f"frame of {work.axes.frame_shape}. Choose labels of this image.",
            )
            return 0
        share = linked_share(pictures)
        if share is not None and share < _LINKED:
            self._tell(
                "warning",
                f"Only {share:.0%} of the labels of {wish.layer.name} lie on themselves from frame to frame: they are "
                "numbered anew on each. Take one frame of them and propagate.",
            )
            return 0
        found = {frame: masks_of_labels(picture, wish.choices) for frame, picture in pictures.items()}
        # The same label is the same object on every frame; the pieces of one are told apart by their order.
        names = list(dict.fromkeys((label, n) for masks in found.values() for label, n in _numbered(masks)))
        if not names:
            self._tell("warning", f"There is no label of {wish.choices.smallest} or more pixels on these frames.")
            return 0
        taken = {item.id for item in work.document.objects if _in_use(work, item.id)}
        ids = dict(zip(names, new_ids([label for label, _ in names], taken, keep=wish.keep), strict=True))
        largest = work.objects.masks.largest_id
        if max(ids.values()) > largest:
            self._tell(
                "warning", f"The labels go up to {max(ids.values())}, the masks up to {largest}. Take new numbers."
            )
            return 0
        self._write_labels(work, plane, found, ids, wish.layer.name)
        return len(names)

    def _write_labels(
        self,
        work: Workspace,
        plane: Plane,
        found: dict[int, list[tuple[int, np.ndarray]]],
        ids: dict[tuple[int, int], int],
        name: str,
    ) -> None:
        document = work.document
        with document.one_step(f"labels of {name}"):
            for frame, masks in found.items():
                for (_, mask), key in zip(masks, _numbered(masks), strict=True):
                    document.set_prompt(ids[key], Prompt(frame, mask=lean(mask)), plane)
        # Drawn at once: the model needs a while to look at all of them.
        for frame, masks in found.items():
            before = work.objects.frame(plane, frame)
            after = before.copy()
            work.objects.cover(plane, frame, [ids[key] for key in _numbered(masks)], before)
            for (_, mask), key in zip(masks, _numbered(masks), strict=True):
                after[mask] = ids[key]
            delta = work.objects.masks.write(plane, frame, after)
            if delta is not None:
                document.add_pixels(delta, [ids[key] for key in _numbered(masks)])


def _numbered(masks: list[tuple[int, np.ndarray]]) -> list[tuple[int, int]]:
    """(label, how many of the same label came before it) of every mask."""
    seen: dict[int, int] = {}
    out = []
    for label, _ in masks:
        out.append((label, seen.get(label, 0)))
        seen[label] = seen.get(label, 0) + 1
    return out


def _in_use(work: Workspace, object_id: int) -> bool:
    masks = work.objects.masks
    return work.document.has_prompts(object_id) or any(masks.frames_of(object_id, plane) for plane in masks.planes)


def _pictures(work: Workspace, layer: Labels, plane: Plane, frames: range) -> dict[int, np.ndarray] | None:
    """The (y, x) labels of a layer by frame; None when it does not fit the image."""
    data, axes = layer.data, work.axes
    if tuple(data.shape) == axes.shape:
        return {frame: np.asarray(data[axes.index(plane, frame)]) for frame in frames}
    if tuple(data.shape) == axes.frame_shape:
        # Labels of a single frame are those of the frame on screen.
        return {work.visible()[1]: np.asarray(data)}
    return None
