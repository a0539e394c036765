"""Frames with prompts: their masks are asked for when prompts change, and put into the labels when they come."""

from collections.abc import Callable

from psygnal import Signal

from napari_sam2.session.document import Document, Key, Plane
from napari_sam2.session.places import Place
from napari_sam2.session.prompt_steps import starts
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.backend import Backend
from napari_sam2.ui.carrying import preview_part
from napari_sam2.ui.inference import InferenceThread, Target
from napari_sam2.ui.loading import Loading
from napari_sam2.ui.messages import explain
from napari_sam2.ui.previews import Previews
from napari_sam2.ui.prompting import Prompting
from napari_sam2.ui.workspace import Workspace

_AT_ONCE = 8
"""Frames that are asked for without being looked at."""


class PromptedFrames:
    """Follows the prompts of one workspace after the other.

    Of many frames that change at once, those that are not on screen are asked for when the user turns to them.

    Events:
        changed(): masks have come, or prompts have changed.
    """

    changed = Signal()

    def __init__(
        self,
        thread: InferenceThread,
        loading: Loading,
        backend: Backend,
        prompting: Prompting,
        tell: Callable[[str, str], None],
    ) -> None:
        self._loading = loading
        self._backend = backend
        self._prompting = prompting
        self._tell = tell
        self._work: Workspace | None = None
        self._changed: list[Place] = []
        self._due: set[tuple[Plane, int]] = set()
        self.previews = Previews(thread, loading.segmenter)
        self.previews.arrived.connect(self._on_preview)
        self.previews.failed.connect(self._on_failed)

    def follow(self, work: Workspace) -> None:
        """Follow the prompts of a workspace; those that were followed before are not lost."""
        self._work = work
        self.drop_all()
        work.document.prompts_changed.connect(self._on_prompt, unique=True)
        work.document.history_changed.connect(self._on_prompts, unique=True)

    def lose(self) -> None:
        """There is no image any more."""
        self._work = None
        self.drop_all()

    def drop_all(self) -> None:
        """Do not wait any more for anything."""
        self._due.clear()
        self.previews.drop_all()

    def ask_visible(self) -> None:
        """Ask anew for the masks on the frame on screen."""
        if self._work is not None:
            self._ask(self._work, *self._work.visible())

    def turned(self) -> None:
        """Perhaps another frame is on screen: ask for its masks, if that was put off."""
        if self._due and self._work is not None and self._work.visible() in self._due:
            self.ask_visible()

    def _on_prompt(self, plane: Plane, object_id: int, frame: int) -> None:
        self._changed.append((plane, object_id, frame))

    def _on_prompts(self) -> None:
        """All prompts of a step are told of."""
        places, self._changed = self._changed, []
        work = self._work
        if work is None or not places:
            return
        gone: dict[tuple[Plane, int], list[int]] = {}
        for place in places:
            plane, object_id, frame = place
            self._prompting.on_change(place)
            if work.document.prompt(plane, object_id, frame) is None:
                gone.setdefault((plane, frame), []).append(object_id)
                if work.document.is_locked(object_id, frame, plane):
                    # The mask is there to stay, with its prompts and without.
                    work.document.covers.drop(place)
        for (plane, frame), ids in gone.items():
            work.objects.take_back_preview(plane, frame, ids)
        if not work.masks_come_along:
            self._warn(work, [place for place in places if place[1] not in gone.get((place[0], place[2]), ())])
            frames = dict.fromkeys((place[0], place[2]) for place in places)
            for at in frames:
                if len(frames) <= _AT_ONCE or at == work.visible():
                    self._ask(work, *at)
                else:
                    self.previews.drop(*at)
                    self._due.add(at)
        self.changed.emit()

    def _warn(self, work: Workspace, places: list[Place]) -> None:
        """Say so where nothing is known of an object but what does not belong to it."""
        if len(places) == 1:
            ((plane, object_id, frame),) = places
            prompt = work.document.prompt(plane, object_id, frame)
            if prompt is not None and starts(prompt):
                return
            if not work.document.effective(plane, asked={object_id: {frame}}):
                name = work.document.name(object_id)
                self._tell(
                    "warning", f"Nothing is known of {name} yet. Click on it first (Positive, Q), then beside it."
                )

    def _ask(self, work: Workspace, plane: Plane, frame: int) -> None:
        """Ask anew for the masks on a frame, if it has prompts."""
        self._due.discard((plane, frame))
        prompts = _told(work.document, plane, frame)
        if any(key[1] == frame for key in prompts):
            self._loading.prepare()
            self.previews.ask(Target(self._loading.choice, work.stack(plane)), plane, prompts, frame)
        else:
            self.previews.drop(plane, frame)

    def _on_preview(self, plane: Plane, frame: int, result: object) -> None:
        work = self._work
        if work is not None:
            # What is being painted meanwhile is not overwritten: it makes this answer a late one.
            work.painting.look()
        if work is not None and result is not None and not self.previews.waits(plane, frame):
            part, scores = preview_part(work, plane, frame, result)
            with work.document.onto_prompts(plane, frame, part.object_ids) as step:
                delta = work.objects.show_preview(plane, frame, part, self._backend.merge)
                if delta is not None:
                    step.pixels.append(delta)
            work.document.scores.put(plane, frame, scores)
            self._prompting.on_preview(work, plane, frame, result)
        self.changed.emit()

    def _on_failed(self, error: BaseException) -> None:
        if not self._loading.blame(error):
            self._tell("error", explain(error, "making the mask of this frame"))
        self.changed.emit()


def _told(document: Document, plane: Plane, frame: int) -> dict[Key, Prompt]:
    """What the model is told to make the masks of a frame.

    All prompts of the plane, so that none is forgotten. Accepted frames matter only where it is not said on the frame
    itself where an object is, or on a slice beside it; making masks of all of them would take seconds.
    """
    keys = document.prompts(plane)
    told = document.effective(plane, asked={object_id: () for object_id, _ in keys})
    here = [key for key in keys if key[1] == frame]
    leaning = {key[0] for key in here if document.slices > 1 or key not in told or not starts(told[key])}
    if not leaning:
        return told
    return document.effective(plane, asked={item: (frame,) if item in leaning else () for item, _ in keys})
