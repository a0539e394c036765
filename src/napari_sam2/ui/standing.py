"""What the next propagation would do, in words, for the hint: said before it is done."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_sam2.session.document import Document, Plane
from napari_sam2.session.plans import passes
from napari_sam2.ui.carrying import Queued, Wish
from napari_sam2.ui.geometry import axis_name
from napari_sam2.ui.workspace import Workspace
from napari_sam2.wording import counted

_MOST_GROUPS, _MOST_NAMES, _MOST_RUNS = 2, 2, 2
"""What fits into the line above the controls."""


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

    def of(self, work: Workspace, plane: Plane, choice: Any, wish: Wish | None = None) -> View:
        """How things stand on a plane of an image; `wish` is what would be asked for, None for all frames."""
        document = work.document
        wish = wish or Wish("both", 0, work.axes.frames - 1)
        asked = (document, document.edits, plane, work.axes, choice, wish)
        if asked != self._asked:
            self._asked = asked
            self._view = _view(document, plane, wish, choice == work.model)
        return self._view


def _view(document: Document, plane: Plane, wish: Wish, same_model: bool) -> View:
    standings = document.standings(plane)
    if not any(standing.done for standing in standings.values()):
        return View()
    if not same_model:
        standings = {item: replace(standing, done=frozenset()) for item, standing in standings.items()}
    written: dict[int, set[int]] = {}
    for one in passes(standings, wish.first, wish.last, wish.direction, document.slices):
        for item, own in one.writes.items():
            # Of a volume over time the user knows the time points, not the slices counted through.
            written.setdefault(item, set()).update(frame // document.slices for frame in own)
    text = frames_text(written, document.name)
    return View(True, f"{text} with the other model" if text and not same_model else text)


def frames_text(written: Mapping[int, Collection[int]], name: Callable[[int], str]) -> str:
    """Frames of objects in words, most frames first: objects of the same frames together, too many of them counted."""
    together: dict[str, list[int]] = {}
    for item, frames in sorted(written.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        together.setdefault(_frames(frames), []).append(item)
    texts = []
    for where, items in list(together.items())[:_MOST_GROUPS]:
        whose = " and ".join(map(name, items)) if len(items) <= _MOST_NAMES else f"{len(items)} objects"
        texts.append(f"{where} of {whose}")
    others = sum(map(len, list(together.values())[_MOST_GROUPS:]))
    return ", ".join(texts) + (f", and frames of {counted(others, 'other object')}" if others else "")


def _frames(frames: Collection[int]) -> str:
    """Numbers of frames in words: "frame 3", "frames 3–9", "frames 2–4 and 8", or how many of them where."""
    ordered = sorted(frames)
    starts = [frame for frame in ordered if frame - 1 not in frames]
    ends = [frame for frame in ordered if frame + 1 not in frames]
    if len(ordered) == 1:
        return f"frame {ordered[0]}"
    if len(starts) > _MOST_RUNS:
        return f"{len(ordered)} of the frames {ordered[0]}–{ordered[-1]}"
    runs = (f"{first}" if first == last else f"{first}–{last}" for first, last in zip(starts, ends, strict=True))
    return f"frames {' and '.join(runs)}"


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
