"""The images of a viewer and which of them is being worked on; what happens when layers come and go."""

from functools import partial
from typing import Any

from napari.layers import Image, Layer
from psygnal import Signal

from napari_sam2.ui.geometry import image_shape
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import explain
from napari_sam2.ui.preferences import masks_folder
from napari_sam2.ui.workspace import ViewerLike, Workspace


class Workspaces:
    """One workspace per image that was worked on, one of them current.

    Events:
        opened(workspace): another workspace is current.
        lost(workspace): the current image has left; its layers are still there.
        closed(workspace): a workspace was given up; its layers stay.
        told(level, text): something to say to the user.
        replaced(workspace): the current image has other pixels, of the same shape.
        images_changed(): there are other images to choose from.
    """

    opened = Signal(object)
    lost = Signal(object)
    closed = Signal(object)
    replaced = Signal(object)
    told = Signal(str, str)
    images_changed = Signal()

    def __init__(self, viewer: ViewerLike, loop: Loop) -> None:
        self._viewer = viewer
        self._loop = loop
        self._all: dict[Image, Workspace] = {}
        self._orphans: list[Workspace] = []
        """Workspaces whose image has left, to go on with when it is opened again."""
        self._new: list[Image] = []
        """Images that have just come into the viewer."""
        self._shown: Workspace | None = None
        """The workspace whose layers are not put away: the current one, or that of the image that has just left."""
        self.current: Workspace | None = None

    @property
    def images(self) -> list[Image]:
        """The images that can be worked on, in the order of the layer list."""
        return [layer for layer in self._viewer.layers if isinstance(layer, Image) and layer.ndim >= 2]

    def start(self) -> None:
        """Follow the layer list, and open the selected image or else the topmost one."""
        events = self._viewer.layers.events
        events.inserted.connect(self._on_inserted)
        events.removed.connect(self._on_removed)
        events.renamed.connect(self._on_renamed)
        self._open_any()

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        events = self._viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        events.renamed.disconnect(self._on_renamed)
        for work in self._all.values():
            work.close()
        for work in self._orphans:
            work.close()

    def open(self, image: Image) -> None:
        """Work on this image. The layers of the one before are put away, its prompts are kept."""
        if self.current is not None and self.current.image == image:
            return
        # The same recording opened again goes on where it was.
        again = None if image in self._all else next((work for work in self._orphans if work.is_like(image)), None)
        before, self.current, self._shown = self._shown, None, None
        if before is not None and before is not again:
            before.put_away()
            self._let_go_of_empty()
        if again is not None:
            self._adopt(again, image)
            return
        try:
            work = self._all.get(image) or Workspace(self._viewer, image, self._loop)
        except (MemoryError, OSError) as error:
            self.told.emit("error", _no_masks(image, error))
            if before is not None and before.in_viewer:
                before.show()
                self.current = self._shown = before
            self.images_changed.emit()
            return
        if image in self._all:
            work.show()
        else:
            self._all[image] = work
            work.refused.connect(partial(self.told.emit, "warning"))
            image.events.data.connect(self._on_data)
        self.current = self._shown = work
        self.opened.emit(work)
        if work.masks_path is not None and before is not work:
            self.told.emit("info", f"The masks of {image.name} are large and kept on the disk: {work.masks_path}")

    def _adopt(self, work: Workspace, image: Image) -> None:
        self._orphans.remove(work)
        work.rebind(image)
        self._all[image] = self.current = self._shown = work
        image.events.data.connect(self._on_data)
        self.opened.emit(work)

    def reopen(self, image: Image | None = None) -> None:
        """Work on the pixels that the current image, or another one, has now; what was made on others is put away."""
        if image is not None and (self.current is None or self.current.image != image):
            if image not in self._all:
                return
            self.open(image)
        self._on_data()

    def _let_go_of_empty(self) -> None:
        """Give up what was put away and whose layers are all gone: nobody wants it, and it may take a lot of memory."""
        for work in list(self._orphans):
            if work is not self._shown and not any(layer in self._viewer.layers for layer in work.layers):
                self._orphans.remove(work)
                self._give_up(work)

    def _give_up(self, work: Workspace) -> None:
        work.close()
        self.closed.emit(work)

    def _open_any(self) -> None:
        selected = self._viewer.layers.selection.active
        images = self.images
        if images:
            self.open(selected if selected in images else images[-1])

    def _on_inserted(self, event: Any) -> None:
        if isinstance(event.value, Image):
            self.images_changed.emit()
            self._new.append(event.value)
            # The layer is not yet all set up while napari tells of it.
            self._loop.post(self._settle_inserted)

    def _settle_inserted(self) -> None:
        """After all that the user has opened at once is there."""
        new, self._new = self._new, []
        if self.current is None:
            self._open_any()
        elif new and self.current.in_viewer:
            self.current.keep_above(new)

    def _on_removed(self, event: Any) -> None:
        if isinstance(event.value, Image):
            self.images_changed.emit()
        self._loop.post(partial(self._settle_removed, event.value))

    def _on_renamed(self, event: Any = None) -> None:
        self.images_changed.emit()

    def _settle_removed(self, layer: Layer) -> None:
        """After all that the user has removed at once is gone."""
        if layer in self._viewer.layers:
            return
        work = self.current
        if isinstance(layer, Image) and layer in self._all:
            gone = self._all.pop(layer)
            layer.events.data.disconnect(self._on_data)
            if gone is work:
                self._lose(gone)
            else:
                self._orphans.append(gone)
                self._let_go_of_empty()
        elif work is not None and work.in_viewer and layer in work.layers:
            work.show()
            self.told.emit(
                "info",
                f"{layer.name} is needed while the widget works on this image and was brought back. "
                "Delete single points or boxes instead.",
            )
        else:
            self._let_go_of_empty()

    def _lose(self, work: Workspace) -> None:
        self.current = None
        self._orphans.append(work)
        self.lost.emit(work)
        self._open_any()
        kept = [layer.name for layer in work.layers if layer in self._viewer.layers]
        if kept:
            go_on = "open the image again" if self.current is None else "open the image again and choose it"
            self.told.emit(
                "warning",
                f"The image {work.image.name} was removed. Its prompts and masks stay in {', '.join(kept)}; {go_on} to "
                "go on.",
            )

    def _on_data(self, event: Any = None) -> None:
        """The pixels of an image were replaced; with another shape, its layers do not fit any more."""
        work = self.current
        if work is not None and not work.fits():
            image = work.image
            self._all.pop(image)
            image.events.data.disconnect(self._on_data)
            self.current = self._shown = None
            self.lost.emit(work)
            work.put_away()
            self._give_up(work)
            self.told.emit(
                "warning",
                f"{image.name} has another shape now, {image_shape(image)}. What was made for the one before is kept "
                "in hidden layers with its name.",
            )
            self.open(image)
        elif work is not None and event is not None and event.source == work.image:
            self.replaced.emit(work)


def _no_masks(image: Image, error: MemoryError | OSError) -> str:
    """Why there can be no masks of an image."""
    if isinstance(error, MemoryError):
        return explain(error, f"the masks of {image.name}")
    return (
        f"The masks of {image.name} are large and cannot be kept in {masks_folder()}: {error.strerror or error}. "
        "Choose another folder in File > Preferences > SAM 2 for stacks."
    )
