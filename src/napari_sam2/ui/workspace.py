"""All that belongs to one image: which axis counts frames, the document, and the three layers that show it."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from napari.layers import Image, Labels, Layer, Points, Shapes
from psygnal import Signal

from napari_sam2.session.document import Document, DocumentObject, Plane
from napari_sam2.session.label_store import store_path
from napari_sam2.ui import boxes_layer, objects_layer, points_layer
from napari_sam2.ui.boxes_layer import BoxesLayer, new_boxes
from napari_sam2.ui.geometry import (
    Axes,
    choose_level,
    frame_axis_choices,
    guessed_axes,
    image_shape,
    level_of,
    mark_of,
    placement,
)
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.objects_layer import ObjectsLayer, can_take, largest_label, new_objects
from napari_sam2.ui.painting import Painting
from napari_sam2.ui.points_layer import PointsLayer, new_points
from napari_sam2.ui.scene import Look, Scene, composable, scene_of, seen


class ViewerLike(Protocol):
    """What is used of a viewer: napari.Viewer, its public proxy, or napari.components.ViewerModel."""

    dims: Any
    layers: Any

    def add_layer(self, layer: Layer) -> Layer: ...


@dataclass(frozen=True)
class _Filling:
    """How the labels stood before a session was put into them."""

    editable: bool
    mode: str


class Workspace:
    """One image with its prompts and masks. Fitting layers that are in the viewer already are taken over.

    Attributes:
        axes: which axis counts frames.
        document: objects and prompts.
        points, boxes, objects: keep the layers and the document equal.
        model: what the finished frames were made with.
        look: how the image is to be seen.

    Events:
        refused(reason): the user's edit of a prompt layer was taken back.
        begun(): the masks are looked at in another way than before.
        looked(): the image is to be seen otherwise.
    """

    refused = Signal(str)
    begun = Signal()
    looked = Signal()

    def __init__(self, viewer: ViewerLike, image: Image, loop: Loop) -> None:
        """Make or take over the layers and put them into the viewer. Raises MemoryError for masks that do not fit."""
        self.image = image
        self._viewer = viewer
        self._loop = loop
        self.model: Any = None
        self.masks_come_along = False
        self._filling: _Filling | None = None
        self._names: dict[Layer, str] = {}
        self.look = Look()
        self._scene: tuple[Any, Scene] | None = None
        # The preferences may change while this is open; its layers are those of one level.
        choose_level(image, level_of(image))
        self.axes = guessed_axes(image, viewer.dims)
        self._labels = self._existing(objects_layer.NAME) or new_objects(image, self.axes)
        in_use = largest_label(self._labels) if self._labels in viewer.layers else 0
        points = self._existing(points_layer.NAME) or new_points(image, self.axes)
        boxes = self._existing(boxes_layer.NAME) or new_boxes(image, self.axes)
        in_use = max(in_use, *(_largest_object(layer) for layer in (points, boxes)))
        self.document = Document(first_id=in_use + 1)
        self.objects = ObjectsLayer(self._labels, self.axes, loop.later, self.shows, self.document.covers)
        self.boxes = BoxesLayer(boxes, self.axes, self.document, self._color, lambda: self.points.positive, loop.post)
        self.points = PointsLayer(
            points, self.axes, self.document, self._color, lambda mask: not self.boxes.shows_mask(mask)
        )
        self.painting = Painting(self.objects, self.document, self.visible, self._loop.post)
        self.points.refused.connect(self.refused.emit)
        self.boxes.refused.connect(self.refused.emit)
        self.document.restored.connect(self._on_restored)
        self._labels.events.colormap.connect(self._paint)
        self.show()
        self._uncover()
        self.points.read()
        self.boxes.read()
        # Only now: prompts that are there already do not correct the masks that came of them.
        self._begin()

    @property
    def layers(self) -> tuple[Labels, Shapes, Points]:
        """The three layers, the lowest first."""
        return self._labels, self.boxes.layer, self.points.layer

    @property
    def in_viewer(self) -> bool:
        """Whether the image is still there."""
        return self.image in self._viewer.layers

    def is_like(self, image: Image) -> bool:
        """Whether an image is the one for which this was made, opened again: by its name, its shape, and its file, or
        else its pixels. Many recordings have the name and the shape of another one."""
        if image.name != self.image.name or image_shape(image) != self.axes.shape:
            return False
        if image.source.path and image.source.path == self.image.source.path:
            return True
        try:
            return mark_of(image) == mark_of(self.image)
        except (OSError, ValueError, KeyError):  # pixels that cannot be read any more
            return False

    def rebind(self, image: Image) -> None:
        """Go on with the same recording, opened again: prompts, masks, names and accepted frames stay."""
        self.image = image
        self._scene = None
        choose_level(image, level_of(image))
        where = placement(image)
        for layer in self.layers:
            for name in ("scale", "translate", "rotate", "shear", "affine"):
                setattr(layer, name, where[name])
        self.show()
        self._uncover()

    def unready(self, wish: str) -> str:
        """Why a wish must wait while a session is put in here, as a sentence; "" when none is.

        The session takes the place of all that is said meanwhile.
        """
        return f"A session is being opened. Wait until it is there, to {wish}." if self._filling is not None else ""

    def visible(self) -> tuple[Plane, int]:
        """The plane and frame at which the sliders stand, the nearest of the image when they stand outside."""
        position = self._labels.world_to_data(self._viewer.dims.point)
        inside = np.clip(position, 0, np.subtract(self.axes.shape, 1))
        return self.axes.plane_of(inside), self.axes.frame_of(inside)

    def turn_to(self, plane: Plane, frame: int) -> None:
        """Let the sliders stand at a plane and frame."""
        dims, layer, axes = self._viewer.dims, self._labels, self.axes
        here = list(layer.world_to_data(dims.point))
        index = axes.index(plane, frame)
        moved = [axis for axis in (axes.frame, axes.swept, *axes.held) if axis is not None]
        for axis in moved:
            here[axis] = index[axis]
        world = layer.data_to_world(here)
        for axis in moved:
            dims.set_point(axis + dims.ndim - len(here), world[axis])

    def flat(self) -> bool:
        """Whether the viewer shows just the axes y and x."""
        dims = self._viewer.dims
        offset = dims.ndim - len(self.axes.shape)
        return {axis - offset for axis in dims.displayed} == set(self.axes.spatial)

    def whole(self) -> bool:
        """Whether all of a frame is to be seen."""
        image = self.image
        shape = image.level_shapes[image.data_level] if image.multiscale else image.data.shape
        spatial = list(self.axes.spatial)
        low, high = image.corner_pixels[:, spatial]
        ends = [shape[axis] - 1 for axis in spatial]
        return self.flat() and bool((low <= 0).all() and (high >= ends).all())

    def armed(self) -> bool:
        """Whether a click or a drag in the image makes a prompt."""
        modes = {
            self.points.layer: ("add",),
            self.boxes.layer: ("add_rectangle", "add_ellipse", "add_polygon", "add_polygon_lasso", "add_path"),
            self._labels: ("paint", "erase", "fill", "polygon"),
        }
        active = self._viewer.layers.selection.active
        return active in modes and str(active.mode) in modes[active]

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Prompts that are set in this block come with their masks: the model need not be asked for them."""
        self.masks_come_along = True
        try:
            yield
        finally:
            self.masks_come_along = False

    def shows(self, plane: Plane, frame: int) -> bool:
        """Whether the viewer shows this frame now; when it shows more than the y-x view, it may show any."""
        return not self.flat() or self.visible() == (plane, frame)

    @property
    def images(self) -> list[Image]:
        """The images of the viewer with as many axes, the lowest first."""
        return [layer for layer in self._viewer.layers if isinstance(layer, Image) and layer.ndim == self.image.ndim]

    def stack(self, plane: Plane) -> Scene:
        """The image as (frames, y, x[, rgb]) with its contrast, the same object while nothing of it changes."""
        used = composable(self.image, self.images) if self.look.channels == "visible" else [self.image]
        facts = (self.axes, plane, self.look, tuple(seen(layer) for layer in used))
        if self._scene is None or self._scene[0] != facts:
            self._scene = (facts, scene_of(self.image, self.axes, plane, self.look, used))
        return self._scene[1]

    @property
    def masks_path(self) -> Path | None:
        """The folder that the masks are in, when they are on the disk."""
        return store_path(self._labels.data)

    def fits(self) -> bool:
        """Whether the image still has the shape for which the layers were made."""
        return image_shape(self.image) == self.axes.shape

    def set_frame_axis(self, axis: int | None, swept: int | None = None) -> None:
        """Let another axis count the frames, and perhaps one be swept. Prompts stay where they are in the image.

        Refused while there are boxes that do not lie on one frame along that axis.
        """
        axes = Axes(self.axes.shape, axis, swept)
        if not self.boxes.lie_flat(axes):
            self.refused.emit("Delete the boxes first: along that axis they do not lie on one frame.")
            return
        if any(self.document.locked(plane) for plane in self.objects.masks.planes):
            self.refused.emit("Accepted frames are frames of this axis. Take them back first, or stay with the axis.")
            return
        if any(
            prompt.mask is not None
            for plane in self.document.planes
            for prompt in self.document.prompts(plane).values()
        ):
            self.refused.emit(
                "Masks are prompts of frames of this axis. Delete their marks first, or stay with the axis."
            )
            return
        self.painting.detach()
        self.axes = axes
        self._turn_viewer()
        self.objects.detach()
        self.document.masks = None
        self.document.clear_done()
        self.document.scores.forget()
        self.document.covers.clear()
        self.objects = ObjectsLayer(self._labels, axes, self._loop.later, self.shows, self.document.covers)
        self.painting = Painting(self.objects, self.document, self.visible, self._loop.post)
        # Only half of the prompts would be right in between.
        with self.document.prompts_changed.blocked():
            self.document.replace_points({})
            self.document.replace_boxes({})
            for layer in (self.points, self.boxes):
                layer.axes = axes
                layer.read()
        self._begin()

    def _turn_viewer(self) -> None:
        """Show y and x of the frames, when the viewer shows a plane along other axes."""
        dims = self._viewer.dims
        offset = dims.ndim - len(self.axes.shape)
        shown = [axis + offset for axis in self.axes.spatial]
        if dims.ndisplay == 2 and not self.flat():
            dims.order = (*(axis for axis in range(dims.ndim) if axis not in shown), *shown)

    def _begin(self) -> None:
        """From here on everything can be taken back."""
        self.document.masks = self.objects.masks
        self.document.forget_history()
        self.begun.emit()

    def clear(self, frame_axis: int | None, swept: int | None = None) -> None:
        """Make room for a session that is opened: no prompts, and these axes count frames."""
        with self.document.prompts_changed.blocked():
            self.document.restore(current=1, objects={1: DocumentObject(1, "object 1")}, **_NOTHING)
        with self.document.prompts_changed.blocked():
            # Boxes of what was here before must not decide about the axes.
            self.points.write()
            self.boxes.write()
        choices = frame_axis_choices(len(self.axes.shape))
        if (frame_axis, swept) != (self.axes.frame, self.axes.swept) and {frame_axis, swept} <= {*choices, None}:
            self.set_frame_axis(frame_axis, swept)
        # Pixels will be written that nobody has painted.
        self.painting.detach()
        self._filling = _Filling(bool(self._labels.editable), str(self._labels.mode))
        self._labels.editable = False
        self.points.closed = self.boxes.closed = self.unready("add prompts")

    def filled(self) -> None:
        """Pixels were written that nobody has painted."""
        if self._filling is not None:
            self._labels.editable = self._filling.editable
            if self._labels.editable:
                self._labels.mode = self._filling.mode
        self._filling = None
        self.points.closed = self.boxes.closed = ""
        self.objects.read_anew()
        self.painting.detach()
        self.painting = Painting(self.objects, self.document, self.visible, self._loop.post)
        self._begin()

    def show(self) -> None:
        """Bring the layers (back) into the viewer, under their names, the points ready for a click."""
        listed = self._viewer.layers
        for number, layer in enumerate(self.layers):
            if layer not in listed:
                self._viewer.add_layer(layer)
                above = [listed.index(other) for other in self.layers[number + 1 :] if other in listed]
                if above:
                    # Masks that came back on top would cover the clicks.
                    listed.move(listed.index(layer), min(above))
            if layer in self._names:
                layer.name = self._names.pop(layer)
                layer.visible = True
        self.ready_to_click()

    def ready_to_click(self) -> None:
        """Select the points, in the mode in which a click adds one."""
        self._viewer.layers.selection.active = self.points.layer
        self.points.layer.mode = "add"

    def ready_for(self, tool: str, mode: str) -> None:
        """Select the layer of a tool, in the mode in which a gesture makes a prompt."""
        layer = {"points": self.points.layer, "paint": self._labels}.get(tool, self.boxes.layer)
        if tool == "paint":
            self._labels.selected_label = self.document.current
        self._viewer.layers.selection.active = layer
        layer.mode = mode

    def put_away(self) -> None:
        """Make room for another image: layers with content stay, hidden, with the image's name; empty ones leave."""
        used = self.document.has_prompts() or bool(largest_label(self._labels))
        for layer in self.layers:
            if layer not in self._viewer.layers:
                continue
            if used:
                self._names[layer] = layer.name
                layer.name = f"{layer.name} ({self.image.name})"
                layer.visible = False
            else:
                self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Let go of the layers; they stay in the viewer."""
        self.points.detach()
        self.boxes.detach()
        self.painting.detach()
        self.objects.detach()
        self.document.restored.disconnect(self._on_restored)
        self._labels.events.colormap.disconnect(self._paint)

    def _on_restored(self) -> None:
        """The document has changed by itself; the layers say the same again."""
        self.points.write()
        self.boxes.write()

    def _color(self, object_id: int) -> np.ndarray:
        return self.objects.color(object_id)

    def _paint(self, event: Any = None) -> None:
        self.points.paint()
        self.boxes.paint()

    def _existing(self, name: str) -> Any:
        kinds = {points_layer.NAME: Points, boxes_layer.NAME: Shapes, objects_layer.NAME: Labels}
        for layer in self._viewer.layers:
            fits = isinstance(layer, kinds[name]) and layer.ndim == len(self.axes.shape)
            if layer.name == name and fits and self._can_take(layer):
                return layer
        return None

    def _can_take(self, layer: Labels | Points | Shapes) -> bool:
        """Whether all of a layer that somebody else may have made can stay in it."""
        if isinstance(layer, Labels):
            return can_take(layer, self.axes)
        places = layer.data if isinstance(layer, Points) else [np.mean(corners, axis=0) for corners in layer.data]
        return all(self.axes.contains(place) for place in places)

    def keep_above(self, new: Collection[Image]) -> None:
        """Let images that have just been opened, on top of everything as napari puts them, lie under the layers.

        Not where the user had laid another image over them before: that is how they are wanted.
        """
        above = self._viewer.layers[self._lowest() + 1 :]
        if not any(isinstance(layer, Image) and layer.visible and layer not in new for layer in above):
            for image in [layer for layer in above if layer in new]:
                self._put_under(image)

    def _uncover(self) -> None:
        """Let the image lie under its layers: what is opened comes on top of those that are there."""
        if self._viewer.layers.index(self.image) > self._lowest():
            self._put_under(self.image)

    def _lowest(self) -> int:
        listed = self._viewer.layers
        return min((listed.index(layer) for layer in self.layers if layer in listed), default=len(listed))

    def _put_under(self, image: Image) -> None:
        listed = self._viewer.layers
        listed.move(listed.index(image), self._lowest())


_NOTHING: dict[str, Any] = {name: {} for name in ("prompts", "seen", "locks", "parents", "births", "done", "scores")}


def _largest_object(layer: Points | Shapes) -> int:
    column: Iterable[Any] = layer.features.get("object", ())
    return max((int(value) for value in column), default=0)
