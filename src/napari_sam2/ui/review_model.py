"""The state that the review dock shows: which objects are listed, what is known of them, and where the viewer stands.

Follows the document, the masks and the viewer; knows no Qt widget. What the user does there is in `review_actions`.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from psygnal import Signal

from napari_sam2.session.confidence import FrameFigures
from napari_sam2.session.document import Plane
from napari_sam2.session.masks import Masks
from napari_sam2.session.review import Review
from napari_sam2.session.review_order import Place, doubtful_places, listed
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.geometry import Axes
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.review_measuring import Measuring
from napari_sam2.ui.workspace import ViewerLike, Workspace

_LOOK_SECONDS = 0.3
"""While frames come in, what is shown follows so often; what the user does is seen at once."""
_SETTLE_SECONDS = 0.5
"""A frame that is painted on is measured when nothing has happened to it for so long."""


class ReviewModel:
    """The objects of the current image and plane, in the order in which they are listed.

    Attributes:
        review: what is known of every object and frame.
        ids: the listed objects.
        names: of all objects.

    Events:
        listed_changed(): other objects are listed, in another order or under other names.
        cells_changed(): something is known of a cell that was not known before.
        moved(): another object or frame is the current one.
        opened(): another image or plane is shown.
    """

    listed_changed = Signal()
    cells_changed = Signal()
    moved = Signal()
    opened = Signal()

    def __init__(self, viewer: ViewerLike, controller: Controller, loop: Loop) -> None:
        self.viewer = viewer
        self.controller = controller
        self.loop = loop
        self.measuring = Measuring(loop)
        self.review = Review(0)
        self.ids: list[int] = []
        self.names: dict[int, str] = {}
        self.show, self.text = "all", ""
        self.key, self.descending = "id", False
        self._plane: Plane = ()
        self._axes: Axes | None = None
        self._masks: Masks | None = None
        self._work: Workspace | None = None
        self._pending: set[str] = set()
        self._resting = False
        self._places: list[Place] | None = None
        self._painted = 0
        self.measuring.measured.connect(self._on_measured)
        controller.workspaces.opened.connect(self._on_opened)
        controller.workspaces.lost.connect(self._on_lost)
        controller.propagation.ended.connect(self._on_ended)
        controller.changed.connect(self._on_view)
        viewer.dims.events.point.connect(self._on_view)
        self._open(controller.workspace)

    @property
    def work(self) -> Workspace | None:
        """What is being worked on; None without an image."""
        return self._work

    @property
    def plane(self) -> Plane:
        """The plane that is shown."""
        return self._plane

    @property
    def frame(self) -> int:
        """The frame at which the viewer stands."""
        return self._work.visible()[1] if self._work is not None else 0

    @property
    def current(self) -> int | None:
        """The object that the next prompt belongs to."""
        return self._work.document.current if self._work is not None else None

    @property
    def places(self) -> list[Place]:
        """The doubtful places of the listed objects."""
        if self._places is None:
            self._places = doubtful_places(self.review, self.ids)
        return self._places

    def color(self, object_id: int) -> tuple[int, int, int]:
        """RGB colour of an object, 0 to 255."""
        if self._work is None:
            return 128, 128, 128
        red, green, blue = (round(255 * float(value)) for value in self._work.objects.color(object_id)[:3])
        return red, green, blue

    def labels(self, frame: int) -> np.ndarray:
        """The (y, x) labels of a frame. Only with an image."""
        if self._work is None:
            raise ValueError("there is no image")
        return self._work.objects.frame(self._plane, frame)

    def filter(self, show: str, text: str) -> None:
        """List other objects: see `review_order.listed`."""
        self.show, self.text = show, text
        self.relist()

    def sort(self, key: str, descending: bool) -> None:
        """List the objects in another order."""
        self.key, self.descending = key, descending
        self.relist()

    def relist(self) -> None:
        """List what the filters let through, in order. Rows keep their places until then, however scores change."""
        self.ids = listed(
            self.review, self.names, show=self.show, text=self.text, key=self.key, descending=self.descending
        )
        self._places = None
        self.listed_changed.emit()
        self._tell_doubt(len(self.places))

    def close(self) -> None:
        """Let go of everything."""
        self._let_go()
        self.measuring.close()
        self.controller.workspaces.opened.disconnect(self._on_opened)
        self.controller.workspaces.lost.disconnect(self._on_lost)
        self.controller.propagation.ended.disconnect(self._on_ended)
        self.controller.changed.disconnect(self._on_view)
        self._tell_doubt(None)
        self.viewer.dims.events.point.disconnect(self._on_view)

    # Following the image ----------------------------------------------------------------------------------------------

    def _on_opened(self, work: Workspace) -> None:
        self._open(work)

    def _on_lost(self, work: Workspace) -> None:
        self._open(None)

    def _open(self, work: Workspace | None) -> None:
        self._let_go()
        self._work = work
        if work is not None:
            document = work.document
            document.objects_changed.connect(self._on_objects)
            document.current_changed.connect(self._on_current)
            document.prompts_changed.connect(self._on_marks)
            document.locks_changed.connect(self._on_marks)
            document.scores.changed.connect(self._on_scores)
            document.scores.reset.connect(self._on_all_scores)
            self._masks = document.masks
            if self._masks is not None:
                self._masks.changed.connect(self._on_mask)
            for event in _drawn(work):
                event.connect(self._on_drawn)
        self._begin()

    def _let_go(self) -> None:
        work, self._work = self._work, None
        if work is None:
            return
        document = work.document
        document.objects_changed.disconnect(self._on_objects)
        document.current_changed.disconnect(self._on_current)
        document.prompts_changed.disconnect(self._on_marks)
        document.locks_changed.disconnect(self._on_marks)
        document.scores.changed.disconnect(self._on_scores)
        document.scores.reset.disconnect(self._on_all_scores)
        if self._masks is not None:
            self._masks.changed.disconnect(self._on_mask)
        for event in _drawn(work):
            event.disconnect(self._on_drawn)

    def _begin(self) -> None:
        """Learn all there is to know of the visible plane."""
        work = self._work
        self.measuring.drop_all()
        self._axes = work.axes if work is not None else None
        self._plane = work.visible()[0] if work is not None else ()
        self.review = Review(work.axes.frames, work.axes.slices) if work is not None else Review(0)
        self._read_objects()
        self._read_marks()
        for frame in range(self.review.frames):
            self._measure(frame)
        self.opened.emit()
        self.relist()
        self.moved.emit()

    def _on_view(self, event: Any = None) -> None:
        work = self._work
        if work is not None and work.axes is not self._axes:
            self._open(work)
        elif work is not None and work.visible()[0] != self._plane:
            self._begin()
        elif event is not None:
            self.moved.emit()

    # Following the document -------------------------------------------------------------------------------------------

    def _on_objects(self) -> None:
        self._soon("objects")

    def _on_current(self, object_id: int) -> None:
        self.moved.emit()

    def _on_marks(self, plane: Plane, object_id: int, frame: int) -> None:
        if plane == self._plane:
            self._soon("marks")

    def _on_scores(self, plane: Plane, frame: int) -> None:
        work = self._work
        if work is None or plane != self._plane:
            return
        ids = list(self.review.ids)
        scores = [work.document.scores.get(plane, object_id, frame) for object_id in ids]
        self.review.set_scores(
            frame, ids, [score.object_score for score in scores], [score.predicted_iou for score in scores]
        )
        self._soon("cells")

    def _on_all_scores(self) -> None:
        self._soon("scores")

    def _on_ended(self, cancelled: bool, error: BaseException | None) -> None:
        self._soon("ended")

    def _soon(self, what: str) -> None:
        """Look at it after what runs now: many events make one look."""
        first, urgent = not self._pending, what != "cells" and self._pending <= {"cells"}
        self._pending.add(what)
        if urgent or (first and not self._resting):
            self.loop.post(self._look)

    def _rested(self) -> None:
        self._resting = False
        if self._pending:
            self._look()

    def _look(self) -> None:
        pending, self._pending = self._pending, set()
        if self._work is None or not pending:
            return
        if not self._resting:
            self._resting = True
            self.loop.later(_LOOK_SECONDS, self._rested)
        if "objects" in pending:
            self._read_objects()
        if pending & {"objects", "marks"}:
            self._read_marks()
        if "scores" in pending:
            self._read_scores(self.review.ids)
        self._places = None
        if pending & {"objects", "ended"}:
            self.relist()
            self.moved.emit()
        self.cells_changed.emit()
        self._tell_doubt(len(self.places))

    def _tell_doubt(self, places: int | None) -> None:
        """Let the hint in the widget know."""
        if places != self.controller.doubtful:
            self.controller.doubtful = places
            self.controller.changed.emit()

    def _read_objects(self) -> None:
        objects = self._work.document.objects if self._work is not None else ()
        self.names = {item.id: item.name for item in objects}
        before = set(self.review.ids)
        again = self.review.set_objects(self.names)
        self._read_scores(object_id for object_id in self.names if object_id not in before)
        self.review.set_parents(self._work.document.parents if self._work is not None else {})
        for frame in sorted(again):
            self._measure(frame)

    def _read_marks(self) -> None:
        if self._work is not None:
            document = self._work.document
            self.review.set_marks(document.prompts(self._plane), document.locked_by_object(self._plane))

    def _read_scores(self, ids: Iterable[int]) -> None:
        if self._work is not None:
            for object_id in ids:
                rows = self._work.document.scores.array(self._plane, object_id, self.review.frames)
                self.review.set_row_scores(object_id, rows[:, 0], rows[:, 1])

    # Following the masks ----------------------------------------------------------------------------------------------

    def _measure(self, frame: int) -> None:
        work = self._work
        if work is not None:
            self.review.await_figures(frame)
            data, index = work.objects.layer.data, work.axes.index(self._plane, frame)
            self.measuring.ask(self._plane, frame, lambda: np.array(data[index]))

    def _on_mask(self, plane: Plane, frame: int) -> None:
        if plane == self._plane:
            self._measure(frame)

    def _on_measured(self, plane: Plane, frame: int, figures: FrameFigures) -> None:
        if plane == self._plane and frame < self.review.frames:
            self.review.set_figures(frame, figures)
            if self.measuring.waits(plane, frame):
                self.review.await_figures(frame)
            elif self._masks is not None:
                # Else the document would read the frame again, on the main thread, when it is accepted.
                self._masks.know(plane, frame, figures.ids.tolist())
            self._soon("cells")

    def _on_drawn(self, event: Any = None) -> None:
        """Perhaps the user has painted, or taken painting back."""
        self._painted += 1
        if self._work is not None:
            self.loop.later(_SETTLE_SECONDS, partial(self._on_settled, self._painted))

    def _on_settled(self, number: int) -> None:
        if number == self._painted and self._work is not None:
            plane, frame = self._work.visible()
            if plane == self._plane:
                self._measure(frame)


def _drawn(work: Workspace) -> tuple[Any, ...]:
    """What napari tells when the user paints on the masks, and when that is undone: it was drawn anew, and no more."""
    events = work.objects.layer.events
    return events.labels_update, events.set_data
