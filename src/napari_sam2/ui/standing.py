"""What the next propagation would do, in words, for the hint: said before it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari_sam2.session.axes import Axes
from napari_sam2.session.document import Document, Plane
from napari_sam2.session.plans import passes
from napari_sam2.ui.carrying import Queued
from napari_sam2.ui.geometry import axis_name
from napari_sam2.ui.workspace import Workspace


@dataclass(frozen=True)
class View:
    """How things stand on a plane.

    Attributes:
        begun: objects were carried through frames.
        again: the frames and objects that would be done, "" for nothing.
    """

    begun: bool = False
    again: str = ""


class Outlook:
    """Works it out anew only when something was said or done since; it is asked for many times a second."""

    def __init__(self) -> None:
        self._asked: tuple[Any, ...] = ()
        self._view = View()

    def of(self, work: Workspace, plane: Plane, choice: Any) -> View:
        """How things stand on a plane of an image."""
        document = work.document
        asked = (document, document.edits, plane, work.axes, choice)
        if asked != self._asked:
            self._asked = asked
            self._view = _view(document, plane, work.axes, choice == work.model)
        return self._view


def _view(document: Document, plane: Plane, axes: Axes, same_model: bool) -> View:
    standings = document.standings(plane)
    begun = {item for item, standing in standings.items() if standing.done}
    if not begun:
        return View()
    if not same_model:
        return View(True, "all frames with the other model")
    written: dict[int, set[int]] = {}
    for one in passes(standings, 0, axes.frames - 1, "both", document.slices):
        for item, own in one.writes.items():
            written.setdefault(item, set()).update(own)
    if not written:
        return View(True)
    # Of a volume over time the user knows the time points, not the slices counted through.
    first, last = (end // axes.slices for end in (min(map(min, written.values())), max(map(max, written.values()))))
    where = f"frame {first}" if first == last else f"frames {first}–{last}"
    whose = document.name(next(iter(written))) if len(written) == 1 else f"{len(written)} objects"
    return View(True, f"{where} of {whose}")


def queued_text(queued: Sequence[Queued], work: Workspace) -> str:
    """What comes after the frames that are being segmented, in words; "" for nothing."""
    return "; ".join(_one_queued(one, work) for one in queued)


def _one_queued(one: Queued, work: Workspace) -> str:
    axes, labels = work.axes, work.image.axis_labels
    first, last = one.wish.first // axes.slices, one.wish.last // axes.slices
    text = f"frame {first}" if first == last else f"frames {first}–{last}"
    if one.wish.direction != "both":
        text += f" {one.wish.direction}"
    held = zip(axes.held, one.plane, strict=True)
    names = (axis_name(axis, labels[axis]) for axis in axes.held)
    return text + "".join(f", {name} {place}" for name, (_, place) in zip(names, held, strict=True))
