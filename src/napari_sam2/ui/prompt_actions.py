"""What the user says: tools, prompts, and which object they belong to."""

from napari_sam2.session.document import DocumentError
from napari_sam2.ui.actions import Actions
from napari_sam2.ui.inference import Target
from napari_sam2.ui.label_taking import LabelWish


class PromptActions(Actions):
    """Tools, prompts and objects."""

    @property
    def positive(self) -> bool:
        """Whether the next click says what belongs to the object."""
        return self.workspace is None or self.workspace.points.positive

    @property
    def drawing(self) -> bool:
        """Whether the next prompts are boxes."""
        return self.prompting.tool == "box"

    def set_positive(self, positive: bool) -> None:
        """Let the next clicks say what belongs to the object, or what does not."""
        work = self._need_image()
        if work is not None:
            work.points.positive = positive
            self.set_drawing(False)
        self.changed.emit()

    def set_drawing(self, drawing: bool) -> None:
        """Let the next prompts be boxes, or points."""
        work = self._need_image()
        if work is not None:
            self.prompting.set_tool(work, "box" if drawing else "points")
        self.changed.emit()

    def set_tool(self, tool: str) -> None:
        """Let the next gestures be those of a tool: "points", "box", "lasso", "scribble" or "paint"."""
        work = self._need_image()
        if work is not None:
            self.prompting.set_tool(work, tool)
        self.changed.emit()

    def other_mask(self) -> None:
        """Take the next of the masks that the click on the current object can mean."""
        work = self._need_image()
        if work is not None:
            self.prompting.other_mask(work)
        self.changed.emit()

    def segment_frame(self) -> None:
        """Propose all objects of the frame on screen; while they are looked for, stop that."""
        work = self._need_image()
        if work is not None and (self.prompting.proposals.running or self._free("look for all objects of a frame")):
            self.loading.prepare()
            plane, _ = work.visible()
            self.prompting.propose(work, Target(self.choice, work.stack(plane)))
        self.changed.emit()

    def take_labels(self, wish: LabelWish) -> None:
        """Make prompts of the labels of another layer, frame by frame."""
        work = self._need_image()
        if work is not None and self._free("take labels"):
            self.prompting.labels.start(work, wish)
        self.changed.emit()

    def new_object(self) -> None:
        """Let the next prompts belong to a new object. It starts with what belongs to it."""
        work = self._need_image()
        if work is not None and self._ready("begin a new object"):
            work.document.new_object()
            work.points.positive = True
        self.changed.emit()

    def divide(self) -> None:
        """Let the current object divide on the frame on screen; the next prompts belong to its other daughter."""
        work = self._need_image()
        if work is not None and self._free("record a division"):
            plane, frame = work.visible()
            try:
                work.document.divide(work.document.current, frame, plane)
            except DocumentError as error:
                self._tell("warning", str(error))
            else:
                work.points.positive = True
        self.changed.emit()

    def select_object(self, object_id: int) -> None:
        """Let the next prompts belong to this object."""
        work = self._need_image()
        if work is not None:
            work.document.select(object_id)
        self.changed.emit()

    def step_object(self, by: int) -> None:
        """Let the next prompts belong to the object so many places further on."""
        work = self._need_image()
        if work is not None:
            work.document.step(by)
        self.changed.emit()
