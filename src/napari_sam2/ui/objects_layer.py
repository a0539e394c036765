"""The masks as a Labels layer, filled by direct writes that the viewer keeps up with.

Direct writes are not in the layer's undo history: what the model writes is taken back by the document, what the user
paints by the layer.
"""

import colorsys
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap
from psygnal import Signal

from napari_sam2.session.document import Plane
from napari_sam2.session.history import FrameDelta
from napari_sam2.session.label_store import bytes_of, new_store
from napari_sam2.session.masks import Masks, bounding_box, boxes_of
from napari_sam2.ui.geometry import Axes, placement
from napari_sam2.ui.preferences import largest_in_memory, masks_folder

NAME = "SAM 2 objects"

REFRESH_SECONDS = 0.1

_NOWHERE = (slice(0, 0), slice(0, 0))

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

    A preview is provisional: what it covered is kept until the frame is segmented by propagation, and comes back when
    its prompts are taken away.

    Events:
        painted(through_frames): the user has changed pixels of the frame on screen, or of others too.
        written(plane, frame): pixels were changed, not by the user; the layer has not been drawn anew yet.
    """

    painted = Signal(bool)
    written = Signal(tuple, int)

    def __init__(self, layer: Labels, axes: Axes, later: Later, shows: Shows) -> None:
        self.layer = layer
        self.axes = axes
        planes = itertools.product(*(range(axes.shape[axis]) for axis in axes.held))
        self.masks = Masks(layer.data, axes.frames, planes, axes.index, axes.slices)
        self.masks.changed.connect(self._on_written)
        self.masks.relabelled.connect(self._on_relabelled)
        layer.events.labels_update.connect(self._on_painted)
        self._later = later
        self._shows = shows
        self._covered: dict[tuple[Plane, int, int], tuple[Any, np.ndarray]] = {}
        self._refreshing = False
        self._stale = False

    def detach(self) -> None:
        """Stop following the layer."""
        self.masks.changed.disconnect(self._on_written)
        self.masks.relabelled.disconnect(self._on_relabelled)
        self.layer.events.labels_update.disconnect(self._on_painted)

    def read_anew(self) -> None:
        """All pixels may be others."""
        self._covered.clear()
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
        self.cover(plane, frame, result.object_ids, before)
        return self.masks.write(plane, frame, merge(before.copy(), result))

    def cover(self, plane: Plane, frame: int, object_ids: Iterable[int], before: np.ndarray) -> None:
        """Keep what objects were in the (y, x) labels `before`, to come back when their prompts are taken away."""
        new = [item for item in object_ids if (plane, frame, item) not in self._covered]
        boxes = boxes_of(before, new) if new else {}
        for object_id in new:
            box = boxes.get(object_id, _NOWHERE)
            self._covered[plane, frame, object_id] = (box, before[box] == object_id)

    def cover_again(self, plane: Plane, frame: int, object_id: int, before: npt.NDArray[np.bool_] | None) -> None:
        """As `cover`, of a session that is opened: `before` is the (y, x) mask that is to come back, None for none."""
        box = _NOWHERE if before is None else bounding_box(before)
        mask = np.zeros((0, 0), bool) if before is None else before[box].copy()
        self._covered[plane, frame, object_id] = (box, mask)

    def hold(self, plane: Plane, frame: int, object_id: int) -> None:
        """The mask that an object has on a frame is there to stay, with its prompts and without."""
        self._covered.pop((plane, frame, object_id), None)

    def show_result(self, plane: Plane, frame: int, result: Any, merge: Merge) -> FrameDelta | None:
        """Put a propagated frame in its place. Returns what was different."""
        for object_id in result.object_ids:
            self.hold(plane, frame, object_id)
        return self.masks.write(plane, frame, merge(self.frame(plane, frame).copy(), result))

    def take_back_preview(self, plane: Plane, frame: int, object_ids: Iterable[int]) -> None:
        """Let these objects be again what they were on this frame before their preview."""
        after = self.frame(plane, frame).copy()
        for object_id in object_ids:
            covered = self._covered.pop((plane, frame, object_id), None)
            if covered is not None:
                after[after == object_id] = 0
                box, mask = covered
                after[box][mask & (after[box] == 0)] = object_id
        self.masks.write(plane, frame, after)

    def _on_relabelled(self, ids: dict[int, int], first: int) -> None:
        # What such an object was before a preview must not come back when its prompts go.
        self._covered = {key: kept for key, kept in self._covered.items() if key[2] not in ids or key[1] < first}

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
