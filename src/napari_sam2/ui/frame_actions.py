"""What becomes of frames: carrying objects through them, accepting them, and taking back."""

from napari_sam2.session.document import EVERY
from napari_sam2.session.places import frame_text
from napari_sam2.ui.actions import Actions
from napari_sam2.ui.carrying import Wish
from napari_sam2.ui.politeness import polite
from napari_sam2.ui.workspace import Workspace

_RESTS = {
    "undo": "Frames are being segmented. Cancel first, then undo takes them back.",
    "redo": "Frames are being segmented. What was taken back before they began cannot be made again now.",
}


class FrameActions(Actions):
    """Propagating, accepting, undo and redo."""

    @property
    def accepted(self) -> bool:
        """Whether the current object is accepted on the frame on screen."""
        return self.workspace is not None and self._is_accepted(self.workspace.document.current)

    @property
    def frame_accepted(self) -> bool:
        """Whether every object is accepted on the frame on screen."""
        return self._is_accepted(EVERY)

    def _is_accepted(self, object_id: int) -> bool:
        work = self.workspace
        return work is not None and work.document.is_locked(object_id, *work.visible()[::-1])

    def propagate(self, direction: str, first: int, last: int) -> None:
        """Carry the objects from their prompts through frames `first` up to and with `last`.

        Args:
            direction: "both", "forward" or "backward" from the prompts.
        """
        work = self._need_image()
        wish = Wish(direction, min(first, last), max(first, last))
        if work is None:
            return
        if self.propagation.paused:
            self.carrying.go_on()
        elif self.propagation.running:
            self.carrying.queue(wish, work.visible()[0])
        elif self._free("propagate"):
            self.keeping.uses(work, self.choice.model)
            self.carrying.start(work, wish, self.choice)
        self.changed.emit()

    def propagate_anew(self) -> None:
        """Do all frames anew from the prompts and accepted frames, as the command line does: the same masks again."""
        work = self._need_image()
        if work is not None and self._free("do all frames anew"):
            work.document.clear_done()
            self.propagate("both", 0, work.axes.frames - 1)

    def drop_queued(self) -> None:
        """Do what is being done, and nothing after it."""
        self.carrying.drop_queued()

    def pause(self) -> None:
        """Stop for a while, or go on."""
        if self.propagation.paused:
            self.carrying.go_on()
        else:
            self.propagation.pause()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop propagating, taking labels or loading; finished frames stay."""
        self.carrying.cancel()
        self.prompting.labels.cancel()
        self.loading.cancel()
        self.changed.emit()

    def accept(self) -> None:
        """Accept the current object on the frame on screen, or take that back."""
        work = self._need_image()
        if work is not None and self._ready("accept frames"):
            self._accept(work, work.document.current)
        self.changed.emit()

    def accept_frame(self) -> None:
        """Accept every object on the frame on screen, or take that back."""
        work = self._need_image()
        if work is not None and self._ready("accept frames"):
            self._accept(work, EVERY)
        self.changed.emit()

    def _accept(self, work: Workspace, object_id: int) -> None:
        plane, frame = work.visible()
        if work.document.is_locked_itself(object_id, frame, plane):
            work.document.unlock(object_id, frame, plane)
        elif object_id != EVERY and work.document.is_locked(EVERY, frame, plane):
            where = frame_text(frame, work.document.slices).capitalize()
            self._tell("info", f"{where} is accepted as a whole. Take that back first (Shift-U).")
        else:
            work.document.lock(object_id, frame, plane)

    def undo(self) -> None:
        """Take back the latest prompt, edit of objects, accepted frame or propagation."""
        self._turn("undo")

    def redo(self) -> None:
        """Make again what was taken back last."""
        self._turn("redo")

    def _turn(self, way: str) -> None:
        work = self._need_image()
        if work is not None:
            if self.prompting.labels.running:
                self._free(way)
            elif self.carrying.rests_on(work.document.history.next_of(way)):
                self._tell("info", _RESTS[way])
            else:
                with polite:
                    work.document.undo() if way == "undo" else work.document.redo()
        self.changed.emit()
