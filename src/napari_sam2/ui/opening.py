"""Opening a session: finding the image that it belongs to, here or in a file, and making sure that it is the one."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_sam2.session.folder import Saved
from napari_sam2.session.folder_format import ImageEntry
from napari_sam2.ui.geometry import choose_level, has_level, level_of
from napari_sam2.ui.keeping import Keeping
from napari_sam2.ui.messages import explain
from napari_sam2.ui.seeing import missing_files
from napari_sam2.ui.workspaces import Workspaces

METADATA = "napari-sam2 session"
"""Key in the metadata of a layer that was read from a session folder: the path of the folder."""

_TRIED = "napari-sam2 session not opened"
"""Key in the metadata of such a layer whose session was not opened: nothing is tried again by itself."""

_WISH = "open a session"


@dataclass
class Questions:
    """What only the user can answer; a widget asks with dialogs.

    Attributes:
        agree: whether to go on, to a question.
        locate: the path of the image that a session belongs to, "" for none.
    """

    agree: Callable[[str], bool] = lambda text: False
    locate: Callable[[ImageEntry], str] = lambda image: ""


class Opening:
    """Puts a session folder into the workspace of its image."""

    def __init__(
        self,
        viewer: Any,
        workspaces: Workspaces,
        keeping: Keeping,
        tell: Callable[[str, str], None],
        ask: Questions,
        free: Callable[[str], bool],
    ) -> None:
        """
        Args:
            free: whether nothing is under way that would be in the way of a wish; says so when not.
        """
        self._viewer = viewer
        self._workspaces = workspaces
        self._keeping = keeping
        self._tell = tell
        self.ask = ask
        self._free = free
        self._dropped: str | None = None
        keeping.changed.connect(self._on_keeping)
        keeping.opened.connect(self._on_opened)

    def open(self, path: Path) -> None:
        """Open a session folder."""
        if self._free(_WISH):
            self._keeping.read(path, self._on_read)

    def open_dropped(self) -> None:
        """Open the session of a layer that napari has read from a session folder, if there is one."""
        waiting = (layer.metadata for layer in self._viewer.layers if _TRIED not in layer.metadata)
        path = next((about[METADATA] for about in waiting if METADATA in about), None)
        # While another session is read or written, this waits for the end of that.
        if path is not None and not self._keeping.busy:
            self._dropped = path
            self.open(Path(path))
            if not self._keeping.busy:
                self._on_keeping()

    def _on_keeping(self) -> None:
        """Whatever was being done may be over, and with it the opening of a session that was dropped."""
        if self._keeping.busy:
            return
        path, self._dropped = self._dropped, None
        if path is not None:
            self._leave(path)
        self.open_dropped()

    def _leave(self, path: str) -> None:
        """Its session was not opened; a layer that stood for it stays, for it may be what the user wanted to see."""
        names = []
        for layer in self._viewer.layers:
            if layer.metadata.get(METADATA) == path:
                layer.metadata = {**layer.metadata, _TRIED: True}
                names.append(layer.name)
        if names:
            stay = "stays" if len(names) == 1 else "stay"
            self._tell(
                "info",
                f"The session is not open. {' and '.join(names)} {stay} to be looked at, and will go when it is "
                "opened.",
            )

    def _on_read(self, saved: Saved) -> None:
        images = self._fitting(saved)
        if images:
            self._try(saved, images, [])
        else:
            self._locate(saved)

    def _fitting(self, saved: Saved) -> list[Image]:
        """The images of the same shape at the level of the session, the likeliest first."""
        shape, level = saved.image.shape, saved.image.level
        images = [image for image in self._workspaces.images if has_level(image, level, shape)]
        work = self._workspaces.current
        return sorted(images, key=lambda image: (image.name != saved.image.name, work is None or image != work.image))

    def _try(self, saved: Saved, images: list[Image], other: list[Image]) -> None:
        """Take the first image whose pixels are those of the session; else ask about the first whose are not."""
        if images:
            first, *rest = images
            self._keeping.same_pixels(
                saved,
                first,
                lambda same: self._take(saved, first) if same else self._try(saved, rest, [*other, first]),
            )
        elif self.ask.agree(
            f"The pixels of {other[0].name} are not those of {saved.image.name}, on which the session was made. "
            "Use the session on it all the same?"
        ):
            self._take(saved, other[0])
        else:
            self._keeping.stop()

    def _take(self, saved: Saved, image: Image) -> None:
        # Layers are compared by ==: a viewer that shows plugins its public side hands out a new wrapper each time.
        # Reading takes a while, in which frames may have been asked for: they would be written into the session.
        if image not in self._viewer.layers or not self._free(_WISH):
            self._keeping.stop()
            return
        if level_of(image) != saved.image.level:
            choose_level(image, saved.image.level)
            self._workspaces.reopen(image)
        self._workspaces.open(image)
        work = self._workspaces.current
        if work is None or work.image != image:
            self._keeping.stop()
        else:
            self._open_others(saved)
            self._keeping.fill(work, saved)

    def _open_others(self, saved: Saved) -> None:
        """Open the images that the model saw together with this one; what is missing then is said later."""
        for path in missing_files(saved.image, self._workspaces.images):
            with suppress(OSError, ValueError, ImportError):
                self._viewer.open(str(path))

    def _locate(self, saved: Saved) -> None:
        """Open the file of the image, where it was or where the user says it is now."""
        known = saved.image.path
        path = known if known and Path(known).exists() else self.ask.locate(saved.image)
        if not path:
            self._tell(
                "warning",
                f"The session belongs to {saved.image.name} of shape {tuple(saved.image.shape)}. Open that image, then "
                "the session again.",
            )
            self._keeping.stop()
            return
        try:
            self._viewer.open(path)
        except (OSError, ValueError, ImportError) as error:
            self._tell("error", explain(error, f"opening {path}"))
            self._keeping.stop()
            return
        images = self._fitting(saved)
        if images:
            self._try(saved, images, [])
        else:
            self._tell(
                "error",
                f"{path} is not the image of the session: that has the shape {tuple(saved.image.shape)}. Nothing was "
                "changed.",
            )
            self._keeping.stop()

    def _on_opened(self, pair: tuple[Any, Saved]) -> None:
        """A layer that stood for the session is not needed any more."""
        work, saved = pair
        stood_for, self._dropped = (str(saved.folder), self._dropped), None
        for layer in list(self._viewer.layers):
            if METADATA in layer.metadata and layer.metadata[METADATA] in stood_for:
                if layer in work.layers:
                    layer.metadata = {}
                else:
                    self._viewer.layers.remove(layer)
