"""The ways to prompt beside clicks and boxes: tools to draw and paint, other masks of a click, proposals, labels."""

from collections.abc import Callable
from typing import Any

from psygnal import Signal

from napari_sam2.session.document import Plane
from napari_sam2.session.places import Place
from napari_sam2.ui.inference import InferenceThread, Segmenter, Target
from napari_sam2.ui.label_taking import LabelTaking
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
        self.labels = LabelTaking(thread, tell)
        self.labels.changed.connect(self.changed.emit)

    def forget(self) -> None:
        """Another image is worked on, or other frames of it."""
        self.tool = "points"
        self.readings.clear()
        self.labels.cancel()
        self.proposals.forget()

    def close(self) -> None:
        """Let go of the viewer; it may be on its way out, so layers are left alone."""
        self.labels.cancel()
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
