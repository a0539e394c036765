"""What the user does in the review: go to places, edit objects, hide them. Knows the viewer and no Qt widget."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from napari_sam2.session.document import Document, DocumentError
from napari_sam2.session.review_order import next_place
from napari_sam2.ui.messages import tell
from napari_sam2.ui.politeness import polite
from napari_sam2.ui.review_model import ReviewModel
from napari_sam2.ui.review_visibility import Visibility
from napari_sam2.ui.workspace import Workspace

_MARGIN = 0.1
"""Share of the view along its sides; an object that lies there makes the view move, unless the image ends there."""
_SMALLEST, _LEGIBLE = 40, 90
"""Pixels on the screen: an object smaller than the first is enlarged to the second."""


class ReviewActions:
    """The actions of the review dock. What cannot be done is said to the user and changes nothing."""

    def __init__(self, model: ReviewModel, say: Callable[[str, str], None] = tell) -> None:
        self._model = model
        self._say = say
        self.visibility = Visibility()
        model.opened.connect(self._on_opened)
        model.listed_changed.connect(self._on_listed)
        self._on_opened()
        self._on_listed()

    def close(self) -> None:
        """Show again what was hidden."""
        self._model.opened.disconnect(self._on_opened)
        self._model.listed_changed.disconnect(self._on_listed)
        self.visibility.release()

    # Going places -----------------------------------------------------------------------------------------------------

    def select(self, object_id: int) -> None:
        """Make an object the current one, and look at it: on this frame, or on the nearest one that has it."""
        model = self._model
        present = model.review.present(object_id)
        frame = model.frame
        if len(present):
            frame = int(present[np.abs(present - frame).argmin()])
        self.go_to(object_id, frame, center=True)

    def go_to(self, object_id: int, frame: int, *, center: bool = False) -> None:
        """Make an object the current one and turn to a frame.

        Args:
            object_id: an object of the document.
            frame: of the stack.
            center: let the object be in the middle of the view, else just well inside of it.
        """
        work = self._model.work
        if work is None:
            return
        frame = min(max(frame, 0), work.axes.frames - 1)
        with suppress(KeyError):  # deleted in between
            work.document.select(object_id)
        self.turn_to(frame)
        self._look_at(object_id, frame, center)

    def turn_to(self, frame: int) -> None:
        """Turn the viewer to a frame."""
        work = self._model.work
        if work is None or work.axes.frame is None:
            return
        work.turn_to(self._model.plane, min(max(frame, 0), work.axes.frames - 1))

    def next_doubtful(self, by: int = 1) -> None:
        """Go to the next doubtful place of the listed objects, or with -1 to the one before."""
        model = self._model
        if model.work is None:
            self._say("warning", "There is no image yet. Open one, or drop a file onto the viewer.")
            return
        place = next_place(model.places, model.ids, model.current or 0, model.frame, by)
        if place is None:
            self._say("info", "Nothing doubtful is left" + (" in this list." if self._filtered else "."))
        else:
            self.go_to(place.object_id, place.frame)

    @property
    def _filtered(self) -> bool:
        return self._model.show != "all" or bool(self._model.text.strip())

    def _look_at(self, object_id: int, frame: int, center: bool) -> None:
        work = self._model.work
        if work is None or not work.flat():
            return
        rows, columns = np.nonzero(self._model.labels(frame) == object_id)
        if not len(rows):
            return
        corners = np.array([[rows.min(), columns.min()], [rows.max(), columns.max()]])
        low, high = (self._on_screen(work, frame, corner) for corner in corners)
        viewer = self._model.viewer
        camera = getattr(viewer, "scene", viewer).camera
        size = float(np.abs(high - low).max()) * camera.zoom
        if center or size < _SMALLEST or not _comfortable(work, corners.mean(axis=0)):
            camera.center = (camera.center[0], *((low + high) / 2).tolist())
        if size < _SMALLEST:
            camera.zoom *= _LEGIBLE / max(size, 1.0)

    def _on_screen(self, work: Workspace, frame: int, yx: np.ndarray) -> np.ndarray:
        """World coordinates, on the two axes that are shown, of (y, x) data pixels."""
        world = np.asarray(work.objects.layer.data_to_world(work.axes.position(self._model.plane, frame, yx)))
        dims = self._model.viewer.dims
        return world[[axis - dims.ndim for axis in dims.displayed]]

    # Editing objects --------------------------------------------------------------------------------------------------

    def rename(self, object_id: int, name: str) -> bool:
        """Give an object another name."""
        name = name.strip()
        return bool(name) and self._edit(lambda document: document.rename(object_id, name))

    def renumber(self, object_id: int, new_id: int) -> bool:
        """Give an object another id, in its pixels too."""
        return self._edit(lambda document: document.renumber(object_id, new_id))

    def merge(self, object_ids: Sequence[int]) -> bool:
        """Let several objects be one, which keeps the id and the name of the current one or else of the first."""
        if len(object_ids) < 2:
            self._say("info", "Select two or more objects in the table (Ctrl-click), then merge them.")
            return False
        first = self._model.current if self._model.current in object_ids else object_ids[0]
        rest = [object_id for object_id in object_ids if object_id != first]

        return self._edit(lambda document: document.merge(first, *rest))

    def split(self, object_id: int) -> bool:
        """Let an object be a new one from the current frame on."""
        return self._edit(lambda document: document.split(object_id, self._model.frame))

    def delete(self, object_ids: Sequence[int]) -> bool:
        """Take objects away, with their prompts and masks."""
        if not object_ids:
            self._say("info", "Select objects in the table, then delete them.")
            return False

        return self._edit(lambda document: document.delete(*object_ids))

    def set_locked(self, object_id: int, locked: bool) -> bool:
        """Accept all frames that an object has pixels on, or none of its frames.

        While frames come in, too: a frame that comes later for an accepted one is dropped.
        """
        plane = self._model.plane

        def lock(document: Document) -> None:
            text = f"{'accept' if locked else 'no longer accept'} {document.name(object_id)}"
            # Thousands of frames are one piece of news.
            with document.locks_changed.paused(lambda first, last: last), document.one_step(text):
                if locked:
                    for frame in self._model.review.present(object_id).tolist():
                        document.lock(object_id, frame, plane)
                else:
                    for frame in document.locked_frames(object_id, plane):
                        document.unlock(object_id, frame, plane)

        return self._edit(lock, self._model.controller.unready("accept frames"))

    def set_visible(self, object_id: int, visible: bool) -> None:
        """Show the masks of an object, or hide them."""
        self.visibility.set(object_id, visible)
        self._model.cells_changed.emit()

    def _edit(self, edit: Callable[[Document], object], hindrance: str | None = None) -> bool:
        """Do something to the document; False when that cannot be done.

        Args:
            hindrance: what is in the way; None for all that may be in the way of changing objects.
        """
        work = self._model.work
        if work is None:
            return False
        if hindrance is None:
            # What is written in the meantime would belong to the objects as they were.
            hindrance = self._model.controller.hindrance("change objects")
        if hindrance:
            self._say("warning", hindrance)
            return False
        try:
            with polite:
                edit(work.document)
        except (DocumentError, KeyError) as error:
            self._say("warning", str(error.args[0]))
            return False
        return True

    def _on_opened(self) -> None:
        work = self._model.work
        self.visibility.follow(work.objects.layer if work is not None else None)

    def _on_listed(self) -> None:
        self.visibility.know(self._model.names)


def _comfortable(work: Workspace, yx: np.ndarray) -> bool:
    """Whether (y, x) data pixels lie well inside of what is shown of the image."""
    spatial = list(work.axes.spatial)
    low, high = work.objects.layer.corner_pixels[:, spatial]
    margin = _MARGIN * (high - low)
    ends = np.array(work.axes.shape)[spatial] - 1
    above = (yx >= low + margin) | (low <= 0)
    below = (yx <= high - margin) | (high >= ends)
    return bool((above & below & (yx >= low) & (yx <= high)).all())
