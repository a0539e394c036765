"""What happens when the user does something: knows the viewer and the inference thread, and no Qt widget."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_sam2.session.folder import Saved
from napari_sam2.ui.backend import ModelChoice
from napari_sam2.ui.carrying import Wish
from napari_sam2.ui.frame_actions import FrameActions
from napari_sam2.ui.hints import hint
from napari_sam2.ui.keys import UndoKeys
from napari_sam2.ui.looking import Looking
from napari_sam2.ui.messages import Cancelled, explain
from napari_sam2.ui.models import model_text
from napari_sam2.ui.opening import METADATA, Opening, Questions
from napari_sam2.ui.previews import Previews
from napari_sam2.ui.prompt_actions import PromptActions
from napari_sam2.ui.situation import situation
from napari_sam2.ui.standing import Outlook
from napari_sam2.ui.workspace import Workspace


class Controller(PromptActions, FrameActions):
    """The actions of the widget and of the keys, and the state that the widget shows.

    What is said and what becomes of frames is in the classes that it builds on; here are image, model and session, and
    the answers to what happens elsewhere.

    Events:
        changed(): something that the widget shows may be different.
    """

    def _begin(self) -> None:
        self.doubtful: int | None = None
        """How many doubtful places the review lists, None while it is closed."""
        self.wish: Wish | None = None
        """What the form would ask for now, which the hint says; None for all frames."""
        self.outlook = Outlook()
        self._dropped = False
        self._undo_keys = UndoKeys(self._viewer, self.undo, self.redo)
        self.looking = Looking(self.thread, self._loop, self.workspaces, self._free)
        self.opening = Opening(self._viewer, self.workspaces, self.keeping, self._tell, Questions(), self._free)
        self._connect()
        self.workspaces.start()
        self.keeping.look()
        self._on_layer()

    def _connect(self) -> None:
        for part in (self.prompting, self.prompted, self.keeping, self.loading, self.carrying):
            part.changed.connect(self.changed.emit)
        for source in (self.keeping, self.carrying, self.workspaces):
            source.told.connect(self._tell)
        self.prompting.failed.connect(self._on_proposing_failed)
        self.prompting.proposals.shown.connect(self._undo_keys.bind)
        self.looking.changed.connect(self._on_look)
        self.keeping.opened.connect(self._on_session)
        self.loading.failed.connect(self._on_load_failed)
        self.carrying.ended.connect(self._on_ended)
        self.workspaces.opened.connect(self._on_opened)
        self.workspaces.lost.connect(self._on_lost)
        self.workspaces.replaced.connect(self._on_replaced)
        self.workspaces.closed.connect(self.keeping.unfollow)
        self._viewer.dims.events.connect(self._on_view)
        self._viewer.layers.selection.events.active.connect(self._on_view)
        self._viewer.layers.events.inserted.connect(self._on_layer)

    @property
    def previews(self) -> Previews:
        """The masks of prompted frames that are on their way."""
        return self.prompted.previews

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
        self._undo_keys.release()
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

    @property
    def layers(self) -> list[Any]:
        """All layers of the viewer."""
        return list(self._viewer.layers)

    def _on_proposing_failed(self, error: BaseException) -> None:
        if not self.loading.blame(error):
            self._tell("error", explain(error, "looking for all objects of this frame"))
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
        self._show_something(work)
        self.changed.emit()

    def _show_something(self, work: Workspace) -> None:
        """Turn to a prompt where the frame on screen is empty: who reopens a session wants to see that it is there."""
        plane, frame = work.visible()
        document = work.document
        places = [(plane, *key) for plane in document.planes for key in document.prompts(plane)]
        if places and not work.objects.masks.objects(plane, frame):
            nearest = min(places, key=lambda at: (at[1] != document.current, at[0] != plane, abs(at[2] - frame)))
            work.turn_to(nearest[0], nearest[2])

    def _on_layer(self, event: Any = None) -> None:
        # Labels and tracks of a session come at once.
        if not self._dropped and (event is None or METADATA in event.value.metadata):
            self._dropped = True
            self._loop.post(self._on_dropped)

    def _on_dropped(self) -> None:
        self._dropped = False
        self.opening.open_dropped()

    def _on_opened(self, work: Workspace) -> None:
        self.keeping.follow(work)
        self.prompting.forget()
        self.prompted.drop_all()
        self.prompted.follow(work)
        work.document.current_changed.connect(self._on_current, unique=True)
        for signal in (work.document.locks_changed, work.document.history_changed):
            signal.connect(self._on_document, unique=True)
        self._undo_keys.bind(work.objects.layer)
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
