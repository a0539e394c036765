"""The masks as a Labels layer, filled by direct writes that the viewer keeps up with.

Direct writes are not in the layer's undo history: what the model writes is taken back by the document, what the user
paints by the layer.
"""

import colorsys
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import zarr
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap
from psygnal import Signal

from napari_sam2.session.covers import Covers
from napari_sam2.session.document import Plane
from napari_sam2.session.history import FrameDelta
from napari_sam2.session.label_store import bytes_of, new_store
from napari_sam2.session.masks import Masks
from napari_sam2.ui.geometry import Axes, placement
from napari_sam2.ui.preferences import largest_in_memory, masks_folder

NAME = "SAM 2 objects"

REFRESH_SECONDS = 0.1

Merge = Callable[[np.ndarray, Any], np.ndarray]
"""(a frame's (y, x) labels, its result) -> the labels with the result in them, perhaps written into the same array"""
Later = Callable[[float, Callable[[], None]], None]
"""Call something after so many seconds."""
Shows = Callable[[Plane, int], bool]
"""Whether the viewer shows this frame of this plane now."""


def new_objects(image: Image, axes: Axes) -> Labels:
    """An empty Labels layer that lies on the image; its pixels are on the disk where they are too many for the memory.

    Raises:
        MemoryError: they do not fit into the memory.
        OSError: the folder for them cannot be written.
    """
    if bytes_of(axes.shape) > largest_in_memory():
        data = new_store(masks_folder(), image.name, axes.shape)
    else:
        data = np.zeros(axes.shape, dtype=np.uint16)
    return Labels(data, name=NAME, opacity=0.5, colormap=_colormap(), **placement(image))


def _colormap() -> CyclicLabelColormap:
    """Bright colours, neighbours in number far apart in hue; napari's own has dark ones that vanish on an image."""
    golden = 0.618034
    colors = [(0.0, 0.0, 0.0, 0.0)]
    for number in range(30):
        saturation, value = ((0.85, 1.0), (0.55, 1.0), (0.95, 0.85))[number % 3]
        colors.append((*colorsys.hsv_to_rgb((0.53 + number * golden) % 1, saturation, value), 1.0))
    return CyclicLabelColormap(name="SAM 2 objects", colors=np.array(colors))


def can_take(layer: Any, axes: Axes) -> bool:
    """Whether a layer that is there already can hold the masks: same shape, numpy or zarr, writable, room for ids."""
    if not isinstance(layer, Labels) or tuple(layer.data.shape) != axes.shape or layer.data.dtype.itemsize == 1:
        return False
    if isinstance(layer.data, np.ndarray):
        return bool(layer.data.flags.writeable)
    return isinstance(layer.data, zarr.Array) and not layer.data.read_only


def largest_label(layer: Labels) -> int:
    """The largest label in the layer, read part by part."""
    return max((int(part.max(initial=0)) for part in layer.data), default=0)


class ObjectsLayer:
    """Writes masks into the Labels layer.

    A preview is provisional: what it covers is kept until the frame is segmented by propagation, and comes back when
    its prompts are taken away.

    Events:
        painted(through_frames): the user has changed pixels of the frame on screen, or of others too.
        written(plane, frame): pixels were changed, not by the user; the layer has not been drawn anew yet.
    """

    painted = Signal(bool)
    written = Signal(tuple, int)

    def __init__(self, layer: Labels, axes: Axes, later: Later, shows: Shows, covers: Covers) -> None:
        """
        Args:
            covers: keeps what previews cover.
        """
        self.layer = layer
        self.axes = axes
        planes = itertools.product(*(range(axes.shape[axis]) for axis in axes.held))
        self.masks = Masks(layer.data, axes.frames, planes, axes.index, axes.slices)
        self.masks.changed.connect(self._on_written)
        layer.events.labels_update.connect(self._on_painted)
        self._later = later
        self._shows = shows
        self.covers = covers
        self._refreshing = False
        self._stale = False

    def detach(self) -> None:
        """Stop following the layer."""
        self.masks.changed.disconnect(self._on_written)
        self.layer.events.labels_update.disconnect(self._on_painted)

    def read_anew(self) -> None:
        """All pixels may be others."""
        self.covers.clear()
        self.masks.forget()
        self.layer.refresh(extent=False)

    def color(self, object_id: int) -> np.ndarray:
        """RGBA colour, 0 to 1, that the layer shows an object in."""
        return np.asarray(self.layer.colormap.map(object_id), dtype=float).reshape(4)

    def frame(self, plane: Plane, frame: int) -> np.ndarray:
        """A view of the (y, x) labels of one frame."""
        return self.masks.frame(plane, frame)

    def show_preview(self, plane: Plane, frame: int, result: Any, merge: Merge) -> FrameDelta | None:
        """Put the masks of prompted objects on their frame. Returns what was different."""
        before = self.frame(plane, frame)
        self.covers.keep(plane, frame, result.object_ids, before)
        return self.masks.write(plane, frame, merge(before.copy(), result))

    def show_result(self, plane: Plane, frame: int, result: Any, merge: Merge) -> FrameDelta | None:
        """Put a propagated frame in its place. Returns what was different."""
        for object_id in result.object_ids:
            self.covers.drop((plane, object_id, frame))
        return self.masks.write(plane, frame, merge(self.frame(plane, frame).copy(), result))

    def take_back_preview(self, plane: Plane, frame: int, object_ids: Iterable[int]) -> None:
        """Let these objects be again what they were on this frame before their preview."""
        after = self.frame(plane, frame).copy()
        for object_id in object_ids:
            cover = self.covers.take((plane, object_id, frame))
            if cover is not None:
                after[after == object_id] = 0
                after[cover.box][cover.mask & (after[cover.box] == 0)] = object_id
        self.masks.write(plane, frame, after)

    def _on_painted(self, event: Any = None) -> None:
        # A stroke may go through several frames.
        self.masks.forget()
        self.painted.emit(self.layer.n_edit_dimensions > 2)

    def _on_written(self, plane: Plane, frame: int) -> None:
        self.written.emit(plane, frame)
        # The viewer reads the array anew by itself when another frame is turned to.
        if self._shows(plane, frame):
            self._refresh_soon()

    def _refresh_soon(self) -> None:
        """Draw now, and then not again before REFRESH_SECONDS have passed."""
        if self._refreshing:
            self._stale = True
            return
        self._refreshing = True
        self._stale = False
        self.layer.refresh(extent=False)
        self._later(REFRESH_SECONDS, self._refreshed)

    def _refreshed(self) -> None:
        self._refreshing = False
        if self._stale:
            self._refresh_soon()
