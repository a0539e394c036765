"""What happens when the user does something: knows the viewer and the inference thread, and no Qt widget."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Image
from psygnal import Signal

from napari_sam2.session.document import EVERY, DocumentError
from napari_sam2.session.folder import Saved
from napari_sam2.ui.backend import Backend, ModelChoice, Sam2Backend
from napari_sam2.ui.carrying import Carrying, Wish
from napari_sam2.ui.hints import hint
from napari_sam2.ui.inference import InferenceThread, Target
from napari_sam2.ui.keeping import Keep, Keeping
from napari_sam2.ui.label_taking import LabelWish
from napari_sam2.ui.loading import Loading
from napari_sam2.ui.looking import Looking
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import Cancelled, explain, tell
from napari_sam2.ui.models import model_text
from napari_sam2.ui.opening import METADATA, Opening, Questions
from napari_sam2.ui.politeness import polite
from napari_sam2.ui.previews import Previews
from napari_sam2.ui.prompted_frames import PromptedFrames
from napari_sam2.ui.prompting import Prompting
from napari_sam2.ui.propagation import Propagation
from napari_sam2.ui.situation import situation
from napari_sam2.ui.standing import Outlook
from napari_sam2.ui.workspace import ViewerLike, Workspace
from napari_sam2.ui.workspaces import Workspaces


class Controller:
    """The actions of the widget and of the keys, and the state that the widget shows.

    Events:
        changed(): something that the widget shows may be different.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: ViewerLike,
        loop: Loop,
        backend: Backend | None = None,
        choice: ModelChoice | None = None,
        tell: Callable[[str, str], None] = tell,
        keep: Keep | None = None,
    ) -> None:
        self._viewer = viewer
        self._loop = loop
        self._tell = tell
        self._backend = backend or Sam2Backend()
        self.doubtful: int | None = None
        """How many doubtful places the review lists, None while it is closed."""
        self.outlook = Outlook()
        self.thread = InferenceThread(loop.post)
        self.loading = Loading(self.thread, self._backend, loop, choice or ModelChoice("micro"))
        segmenter = self.loading.segmenter
        self.propagation = Propagation(self.thread, segmenter)
        self.prompting = Prompting(viewer, self.thread, segmenter, tell)
        self.prompting.changed.connect(self.changed.emit)
        self.prompting.failed.connect(self._on_proposing_failed)
        self.prompted = PromptedFrames(self.thread, self.loading, self._backend, self.prompting, tell)
        self.prompted.changed.connect(self.changed.emit)
        self.carrying = Carrying(self.propagation, self._backend, self.loading.prepare)
        self.workspaces = Workspaces(viewer, loop)
        self.looking = Looking(self.thread, loop, self.workspaces, self._free)
        self.looking.changed.connect(self._on_look)
        self.keeping = Keeping(self.thread, loop, keep or Keep())
        self.opening = Opening(viewer, self.workspaces, self.keeping, tell, Questions())
        self.keeping.changed.connect(self.changed.emit)
        self.keeping.told.connect(self._tell)
        self.keeping.opened.connect(self._on_session)
        self.loading.changed.connect(self.changed.emit)
        self.loading.failed.connect(self._on_load_failed)
        self.carrying.changed.connect(self.changed.emit)
        self.carrying.ended.connect(self._on_ended)
        self.carrying.told.connect(self._tell)
        self.workspaces.opened.connect(self._on_opened)
        self.workspaces.lost.connect(self._on_lost)
        self.workspaces.replaced.connect(self._on_replaced)
        self.workspaces.closed.connect(self.keeping.unfollow)
        self.workspaces.told.connect(self._tell)
        viewer.dims.events.connect(self._on_view)
        viewer.layers.selection.events.active.connect(self._on_view)
        viewer.layers.events.inserted.connect(self._on_layer)
        self.workspaces.start()
        self.keeping.look()
        self._on_layer()

    @property
    def workspace(self) -> Workspace | None:
        """What is being worked on; None without an image."""
        return self.workspaces.current

    @property
    def previews(self) -> Previews:
        """The masks of prompted frames that are on their way."""
        return self.prompted.previews

    @property
    def choice(self) -> ModelChoice:
        """The model and device in use."""
        return self.loading.choice

    @property
    def positive(self) -> bool:
        """Whether the next click says what belongs to the object."""
        return self.workspace is None or self.workspace.points.positive

    @property
    def accepted(self) -> bool:
        """Whether the current object is accepted on the frame on screen."""
        return self.workspace is not None and self._is_accepted(self.workspace.document.current)

    @property
    def frame_accepted(self) -> bool:
        """Whether every object is accepted on the frame on screen."""
        return self.workspace is not None and self._is_accepted(EVERY)

    def _is_accepted(self, object_id: int) -> bool:
        work = self._need_image()
        return work is not None and work.document.is_locked(object_id, *work.visible()[::-1])

    @property
    def hint(self) -> str:
        """What to do next, in one line."""
        return hint(situation(self))

    def close(self) -> None:
        """Let go of the viewer and of the thread. The layers stay."""
        self.prompting.close()
        self.carrying.cancel()
        self.loading.cancel()
        self._viewer.dims.events.disconnect(self._on_view)
        self._viewer.layers.selection.events.active.disconnect(self._on_view)
        self._viewer.layers.events.inserted.disconnect(self._on_layer)
        self.keeping.close()
        self.workspaces.close()
        self.thread.close()

    def set_image(self, image: Image) -> None:
        """Work on another image; the prompts and masks of the one before are put away."""
        if self._free("choose another image"):
            self.workspaces.open(image)
        self.changed.emit()

    def set_frame_axis(self, axis: int | None, swept: int | None = None) -> None:
        """Let another axis of the image count the frames, and perhaps one more be swept."""
        if self._need_image() is not None and self.looking.set_axes(axis, swept):
            self.prompting.forget()
            self.prompted.drop_all()
            self.carrying.forget()
        self.changed.emit()

    def _on_look(self) -> None:
        """The image is seen otherwise."""
        self.carrying.forget()
        self.prompted.ask_visible()
        self.changed.emit()

    def set_model(self, model: str) -> None:
        """Use another model: a name, or the path of a checkpoint."""
        self._choose(replace(self.choice, model=model), "choose another model")

    def set_device(self, device: str) -> None:
        """Compute on another device."""
        self._choose(replace(self.choice, device=device), "choose another device")

    def _choose(self, choice: ModelChoice, wish: str) -> None:
        if choice != self.choice and self._free(wish):
            self.prompting.proposals.cancel()
            self.carrying.forget()
            self.loading.choose(choice)
            self.prompted.ask_visible()
        self.changed.emit()

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

    @property
    def drawing(self) -> bool:
        """Whether the next prompts are boxes."""
        return self.prompting.tool == "box"

    @property
    def layers(self) -> list[Any]:
        """All layers of the viewer."""
        return list(self._viewer.layers)

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

    def _on_proposing_failed(self, error: BaseException) -> None:
        if not self.loading.blame(error):
            self._tell("error", explain(error, "looking for all objects of this frame"))
        self.changed.emit()

    def new_object(self) -> None:
        """Let the next prompts belong to a new object. It starts with what belongs to it."""
        work = self._need_image()
        if work is not None:
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
            self.propagation.resume()
        elif self.propagation.running:
            self.carrying.queue(wish, work.visible()[0])
        elif self.prompting.labels.running:
            self._free("propagate")
        else:
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
            self.propagation.resume()
        else:
            self.propagation.pause()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop propagating, taking labels or loading; finished frames stay."""
        self.carrying.cancel()
        self.prompting.labels.cancel()
        self.loading.cancel()
        self.changed.emit()

    def undo(self) -> None:
        """Take back the latest prompt, edit of objects, accepted frame or propagation."""
        self._turn("undo")

    def redo(self) -> None:
        """Make again what was taken back last."""
        self._turn("redo")

    def accept(self) -> None:
        """Accept the current object on the frame on screen, or take that back."""
        work = self._need_image()
        if work is not None:
            self._accept(work, work.document.current)
        self.changed.emit()

    def accept_frame(self) -> None:
        """Accept every object on the frame on screen, or take that back."""
        work = self._need_image()
        if work is not None:
            self._accept(work, EVERY)
        self.changed.emit()

    def _accept(self, work: Workspace, object_id: int) -> None:
        plane, frame = work.visible()
        if work.document.is_locked_itself(object_id, frame, plane):
            work.document.unlock(object_id, frame, plane)
        elif object_id != EVERY and work.document.is_locked(EVERY, frame, plane):
            self._tell("info", f"Frame {frame} is accepted as a whole. Take that back first (Shift-U).")
        else:
            work.document.lock(object_id, frame, plane)

    def _turn(self, way: str) -> None:
        work = self._need_image()
        if work is not None:
            history = work.document.history
            if self.prompting.labels.running:
                self._free(way)
            elif way == "undo" and self.propagation.running and not history.undo_text:
                self._tell("info", "Frames are being segmented. Cancel first, then undo takes them back.")
            else:
                with polite:
                    work.document.undo() if way == "undo" else work.document.redo()
        self.changed.emit()

    def prepare(self) -> None:
        """Load the model ahead of the first click, if that takes no download."""
        if self.workspace is not None and self.loading.here:
            self.loading.prepare()

    def save_session(self, path: Path) -> None:
        """Write the work on this image into a folder."""
        work = self._need_image()
        if work is not None:
            self.keeping.save(work, path, self.choice.model)

    def open_session(self, path: Path) -> None:
        """Open a session folder, on its image."""
        if self._free("open a session"):
            self.opening.open(path)

    def reopen(self) -> None:
        """Open the latest session that did not come to an end."""
        if self.keeping.unfinished:
            self.open_session(self.keeping.unfinished[0].folder)

    def _on_session(self, pair: tuple[Workspace, Saved]) -> None:
        """The finished frames were made with the model of the session."""
        work, saved = pair
        work.model = self.choice if self.choice.model == saved.model else ModelChoice(saved.model)
        self.prompted.drop_all()
        self.changed.emit()

    def _on_layer(self, event: Any = None) -> None:
        if event is None or METADATA in event.value.metadata:
            self._loop.post(self.opening.open_dropped)

    def _on_opened(self, work: Workspace) -> None:
        self.keeping.follow(work)
        self.prompting.forget()
        self.prompted.drop_all()
        self.prompted.follow(work)
        work.document.current_changed.connect(self._on_current, unique=True)
        for signal in (work.document.locks_changed, work.document.history_changed):
            signal.connect(self._on_document, unique=True)
        for layer in (work.points.layer, work.boxes.layer):
            layer.events.mode.connect(self._on_view)
        self.changed.emit()

    def _on_current(self, object_id: int) -> None:
        if self.workspace is not None:
            self.prompting.on_current(self.workspace, object_id)
        self.changed.emit()

    def _on_document(self, *args: Any) -> None:
        self.changed.emit()

    def _on_lost(self, work: Workspace) -> None:
        self.prompting.forget()
        self.carrying.cancel()
        self.prompted.lose()
        self.changed.emit()

    def _on_replaced(self, work: Workspace) -> None:
        """Masks that were made on other pixels stay, and are done anew when the user wants it."""
        if self.propagation.running:
            self.carrying.cancel()
        self.carrying.forget()
        begun = any(
            work.document.done(item.id, plane) for item in work.document.objects for plane in work.document.planes
        )
        work.document.clear_done()
        if begun:
            self._tell(
                "info",
                f"{work.image.name} has other pixels now. Prompts and masks stay; Propagate (G) does all frames anew, "
                "apart from accepted ones.",
            )
        self.changed.emit()

    def _on_ended(self, error: BaseException | None) -> None:
        done, total = self.propagation.done, self.propagation.total
        if error is not None and not self.loading.blame(error):
            self._tell("error", explain(error, f"propagating ({done} of {total} frames are done)"))
        self.changed.emit()

    def _on_load_failed(self, choice: ModelChoice, error: BaseException) -> None:
        fallen_back = self.choice != choice
        text = explain(error, f"loading {model_text(choice.model)}")
        if fallen_back:
            text = f"{text.rstrip('.')}. {model_text(self.choice.model)} on {self.choice.device} is in use again."
            self.prompted.ask_visible()
        self._tell("info" if isinstance(error, Cancelled) else "error", text)
        self.changed.emit()

    def _on_view(self, event: Any = None) -> None:
        if event is None or event.type == "point":
            self.prompted.turned()
        if event is None or event.type in ("point", "ndisplay", "order", "active", "mode"):
            self.changed.emit()

    def _need_image(self) -> Workspace | None:
        if self.workspace is None:
            self._tell("warning", "There is no image yet. Open one, or drop a file onto the viewer.")
        return self.workspace

    def _free(self, wish: str) -> bool:
        """Whether nothing is under way that this would get in the way of; says so when not."""
        doing = ""
        if self.propagation.running:
            doing = "Frames are being segmented"
        elif self.prompting.labels.running:
            doing = "Labels are being taken"
        if doing:
            self._tell("warning", f"{doing}. Cancel, or wait for the end, to {wish}.")
        return not doing
