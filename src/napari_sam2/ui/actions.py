"""What all actions of the user rest on: the parts that work together, and whether something may be done now."""

from collections.abc import Callable

from psygnal import Signal

from napari_sam2.ui.backend import Backend, ModelChoice, Sam2Backend
from napari_sam2.ui.carrying import Carrying
from napari_sam2.ui.inference import InferenceThread
from napari_sam2.ui.keeping import Keep, Keeping
from napari_sam2.ui.loading import Loading
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import tell
from napari_sam2.ui.prompted_frames import PromptedFrames
from napari_sam2.ui.prompting import Prompting
from napari_sam2.ui.propagation import Propagation
from napari_sam2.ui.workspace import ViewerLike, Workspace
from napari_sam2.ui.workspaces import Workspaces


class Actions:
    """The parts that actions are made of. Every action ends with `changed`.

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
        self.thread = InferenceThread(loop.post)
        self.loading = Loading(self.thread, self._backend, loop, choice or ModelChoice("micro"))
        segmenter = self.loading.segmenter
        self.propagation = Propagation(self.thread, segmenter)
        self.prompting = Prompting(viewer, self.thread, segmenter, tell)
        self.prompted = PromptedFrames(self.thread, self.loading, self._backend, self.prompting, tell)
        self.carrying = Carrying(self.propagation, self._backend, self.loading.prepare)
        self.workspaces = Workspaces(viewer, loop)
        self.keeping = Keeping(self.thread, loop, keep or Keep())
        self._begin()

    def _begin(self) -> None:
        """What a class that builds on this one adds to the parts, when they are all there."""

    @property
    def workspace(self) -> Workspace | None:
        """What is being worked on; None without an image."""
        return self.workspaces.current

    @property
    def choice(self) -> ModelChoice:
        """The model and device in use."""
        return self.loading.choice

    def _need_image(self) -> Workspace | None:
        if self.workspace is None:
            self._tell("warning", "There is no image yet. Open one, or drop a file onto the viewer.")
        return self.workspace

    def unready(self, wish: str) -> str:
        """Why nothing at all can be said for the moment, and what to do, as a sentence; "" when it can."""
        return self.workspace.unready(wish) if self.workspace is not None else ""

    def hindrance(self, wish: str) -> str:
        """What is under way that a wish would get in the way of, and what to do, as a sentence; "" when nothing is."""
        unready = self.unready(wish)
        if unready:
            return unready
        if self.propagation.paused:
            return f"Paused. Cancel, or resume and wait for the end, to {wish}."
        if self.propagation.running:
            return f"Frames are being segmented. Cancel, or wait for the end, to {wish}."
        if self.prompting.labels.running:
            return f"Labels are being taken. Cancel, or wait for the end, to {wish}."
        return ""

    def _free(self, wish: str) -> bool:
        """Whether nothing is under way that this would get in the way of; says so when not."""
        return self._unhindered(self.hindrance(wish))

    def _ready(self, wish: str) -> bool:
        """Whether this can be said now, frames coming in or not; says so when not."""
        return self._unhindered(self.unready(wish))

    def _unhindered(self, hindrance: str) -> bool:
        if hindrance:
            self._tell("warning", hindrance)
        return not hindrance
