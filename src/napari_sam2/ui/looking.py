"""How the image is seen: which axes, contrast, channels and level; and the picture of what the model sees."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from psygnal import Signal

from napari_sam2.ui.geometry import choose_level, level_of
from napari_sam2.ui.inference import InferenceThread
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import explain
from napari_sam2.ui.scene import Look, Scene, picture_of
from napari_sam2.ui.workspaces import Workspaces

SIDE = 260
"""Longer side of the picture, in pixels of the screen."""
_PATIENCE = 0.15  # seconds between two pictures


class Looking:
    """Changes how the current image is seen.

    Events:
        changed(): the image is seen otherwise; masks made before are of what was seen then.
        pictured(picture, words): (y, x, 3) uint8 of what the model sees, or None and why there is none.
    """

    changed = Signal()
    pictured = Signal(object, str)

    def __init__(
        self, thread: InferenceThread, loop: Loop, workspaces: Workspaces, free: Callable[[str], bool]
    ) -> None:
        """
        Args:
            free: whether nothing is being segmented; tells the user what to wait for if so.
        """
        self._thread, self._loop, self._workspaces, self._free = thread, loop, workspaces, free
        self.watched = False
        """Whether anybody looks at the picture."""
        self._shown: tuple[Scene, int] | None = None
        self._waiting = False

    @property
    def look(self) -> Look:
        """How the current image is seen."""
        work = self._workspaces.current
        return Look() if work is None else work.look

    def set_look(self, **changes: Any) -> None:
        """Let contrast, inversion or channels be others."""
        work = self._workspaces.current
        if work is not None and self._free("look at the image in another way"):
            look = replace(work.look, **changes)
            if look != work.look:
                work.look = look
                # What comes of the same prompts now is something else.
                work.document.clear_done()
                work.looked.emit()
        self.changed.emit()

    def set_gamma(self, gamma: float) -> None:
        """Let the layer be shown with this gamma."""
        work = self._workspaces.current
        if work is not None:
            work.image.gamma = gamma
        self.changed.emit()

    def set_axes(self, frame: int | None, swept: int | None) -> bool:
        """Let this axis count frames, and perhaps another one be swept. Returns whether it was done."""
        work = self._workspaces.current
        if work is None or (frame, swept) == (work.axes.frame, work.axes.swept):
            return False
        if not self._free("follow objects along another axis"):
            return False
        work.set_frame_axis(frame, swept)
        return True

    def set_level(self, level: int) -> None:
        """Work on another level of a multiscale image; what was made on the one before is put away."""
        work = self._workspaces.current
        if work is not None and level != level_of(work.image) and self._free("work on another resolution"):
            choose_level(work.image, level)
            self._workspaces.reopen()
        self.changed.emit()

    # The picture -----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Make the picture anew if somebody looks at it and it would be another one; not too often."""
        if self.watched and not self._waiting:
            self._waiting = True
            self._loop.later(_PATIENCE, self._ask)

    def _ask(self) -> None:
        self._waiting = False
        work = self._workspaces.current
        if work is None or not self.watched:
            self.pictured.emit(None, "")
            return
        plane, frame = work.visible()
        try:
            scene = work.stack(plane)
        except ValueError as error:
            self.pictured.emit(None, explain(error, "looking at the image"))
            return
        if self._shown == (scene, frame):
            return
        self._shown = wanted = (scene, frame)
        self._thread.submit(
            lambda: picture_of(scene, frame, SIDE) if self._shown is wanted else None,
            done=lambda picture: self._on_picture(wanted, picture),
            failed=lambda error: self._on_failed(wanted, error),
        )

    def _on_picture(self, wanted: tuple[Scene, int], picture: np.ndarray | None) -> None:
        if picture is not None and self._shown is wanted:
            self.pictured.emit(picture, "")

    def _on_failed(self, wanted: tuple[Scene, int], error: BaseException) -> None:
        if self._shown is wanted:
            self.pictured.emit(None, explain(error, "looking at the image"))
