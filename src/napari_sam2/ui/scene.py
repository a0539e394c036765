"""What a model is to see of an image: its frames, its contrast, its channels. The bridge from layers to a tracker."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from napari.layers import Image

from napari_sam2.result_sources import is_depth
from napari_sam2.session.axes import is_channel, stack_from
from napari_sam2.session.document import Plane
from napari_sam2.tracking.channels import Blending, Channel, colour_table, default_colours
from napari_sam2.tracking.contrast import AUTO, GAMMAS, Contrast
from napari_sam2.ui.geometry import Axes, image_shape, level_of, pixel_aspect, pixels_of, placement, stack_of
from napari_sam2.ui.preferences import feature_memory

ContrastChoice = Literal["shown", "percentiles", "frame"]
ChannelChoice = Literal["image", "visible", "axis"]

_BLENDING: dict[str, Blending] = {"additive": "additive", "minimum": "minimum", "opaque": "opaque"}
_MOST_CHANNELS = 8


@dataclass(frozen=True)
class Look:
    """How the user wants an image to be seen.

    Attributes:
        contrast: as the viewer shows it, percentiles of the whole stack, or of each frame.
        invert: dark objects on a light ground become light ones.
        channels: this image alone, all visible images as the viewer composes them, or an axis of channels in colours.
        ends: in depth, objects end where they fade or become another one.
    """

    contrast: ContrastChoice = "shown"
    invert: bool = False
    channels: ChannelChoice = "image"
    ends: bool = True


@dataclass(frozen=True, eq=False)
class Scene:
    """A stack as the tracker gets it, with all that says how it is to be seen. Itself (frames, y, x[, rgb]).

    Attributes:
        frames: the stack of the image itself.
        slices: how many frames in a row are one step along the frame axis.
        aspect: height of a pixel over its width.
        contrast: of the image, or, with channels, of the composed picture.
        channels: what the picture is composed of; none: the image alone.
        ends: objects are followed in depth, and end there.
    """

    frames: Any
    slices: int = 1
    aspect: float = 1.0
    contrast: Contrast = AUTO
    channels: tuple[Channel, ...] = ()
    ends: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the frames."""
        return tuple(int(size) for size in self.frames.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the frames."""
        return np.dtype(self.frames.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return self.frames[key]


def scene_of(image: Image, axes: Axes, plane: Plane, look: Look, images: Sequence[Image]) -> Scene:
    """What is to be seen of a plane of an image.

    Args:
        images: all images of the viewer, the lowest first.
    """
    stack, aspect = stack_of(image, axes, plane), pixel_aspect(image, axes)
    channels: list[Channel] = []
    if look.channels == "visible":
        channels = [_channel(other, axes, plane, look) for other in composable(image, images)]
    elif look.channels == "axis" and (axis := channel_axis(axes, image.axis_labels)) is not None:
        colours = default_colours(axes.shape[axis])
        for number, colour in enumerate(colours):
            place = tuple(number if held == axis else value for held, value in zip(axes.held, plane, strict=True))
            part = stack_from(pixels_of(image), axes, place, image.rgb)
            # The limits of the layer are those of all channels together, which may differ a lot.
            kind = "frame" if look.contrast == "frame" else "percentiles"
            channels.append(Channel(part, colour_table(colour), Contrast(kind)))
    ends = look.ends and in_depth(image, axes)
    if channels:
        return Scene(stack, axes.slices, aspect, Contrast.between(0, 1, invert=look.invert), tuple(channels), ends)
    return Scene(stack, axes.slices, aspect, replace(contrast_of(image, look), invert=look.invert), ends=ends)


def in_depth(image: Image, axes: Axes) -> bool:
    """Whether objects are followed in depth, by the name or the unit of the frame axis, or because it is y or x."""
    if axes.frame is None:
        return False
    sideways = axes.frame >= len(axes.shape) - 2
    return axes.in_depth(sideways or is_depth(image.axis_labels[axes.frame], image.units[axes.frame]))


def contrast_of(image: Image, look: Look) -> Contrast:
    """The contrast of one image."""
    gamma = float(np.clip(image.gamma, *GAMMAS))
    if look.contrast == "percentiles":
        return Contrast("percentiles", gamma=gamma)
    if look.contrast == "frame":
        return Contrast("frame", gamma=gamma)
    low, high = (float(value) for value in image.contrast_limits)
    if image.rgb or not np.isfinite((low, high)).all() or low >= high:
        # napari shows colour as it is.
        return Contrast(gamma=1.0 if image.rgb else gamma)
    return Contrast.between(low, high, gamma=gamma)


class _Same:
    """Equal for the same array only, whatever its own equality says."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.data is other.data

    __hash__ = None  # type: ignore[assignment]


def seen(image: Image) -> tuple[Any, ...]:
    """All of an image layer that a scene depends on; equal as long as nothing of it has changed."""
    return (
        _Same(image.data),
        level_of(image),
        tuple(float(value) for value in image.contrast_limits),
        float(image.gamma),
        image.colormap.name,
        str(image.blending),
        float(image.opacity),
        tuple(placement(image)["scale"]),
    )


def composable(image: Image, images: Sequence[Image]) -> list[Image]:
    """The visible images that lie pixel on pixel on this one, and the image itself."""
    own = placement(image)
    found = []
    for other in images:
        # A viewer that shows plugins its public side hands out a new wrapper each time, so `is` says nothing.
        if other != image and (not other.visible or image_shape(other) != image_shape(image)):
            continue
        place = placement(other)
        alike = all(np.allclose(place[name], own[name]) for name in ("scale", "translate", "rotate", "shear", "affine"))
        if other == image or alike:
            found.append(other)
    return found


def channel_axis(axes: Axes, labels: Sequence[str]) -> int | None:
    """The held axis that can be shown in colours: the one called channels, else the last one with a few indices."""
    named = [axis for axis in axes.held if is_channel(labels, axis)]
    few = [axis for axis in axes.held if 1 < axes.shape[axis] <= _MOST_CHANNELS]
    return (named or few or [None])[-1]


def _channel(image: Image, axes: Axes, plane: Plane, look: Look) -> Channel:
    table = np.asarray(image.colormap.map(np.linspace(0, 1, 256)), np.float32)[:, :3]
    blending = _BLENDING.get(str(image.blending), "translucent")
    return Channel(
        stack_of(image, axes, plane), table, contrast_of(image, look), float(np.clip(image.opacity, 0, 1)), blending
    )


def open_tracker(model: Any, scene: Scene) -> Any:
    """The tracker of a scene. Imports torch. Raises TrackingError."""
    from napari_sam2.tracking import TrackerOptions
    from napari_sam2.tracking.swept import tracker_for

    options = TrackerOptions(contrast=scene.contrast, ends=scene.ends, feature_cache_bytes=feature_memory())
    return tracker_for(model, _frames(scene), options, slices=scene.slices, aspect=scene.aspect)


def picture_of(scene: Scene, frame: int, side: int) -> np.ndarray:
    """What the model sees of a frame: (y, x, 3) uint8, its longer side about `side` pixels. Imports torch."""
    from napari_sam2.tracking.frames import Frames

    scaled = Frames(_frames(scene), scene.contrast).scaled(frame)
    height, width = scaled.shape[0] * max(scene.aspect, 1), scaled.shape[1] * max(1 / scene.aspect, 1)
    size = [max(1, round(length * min(1.0, side / max(height, width)))) for length in (height, width)]
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(size, scaled.shape[:2], strict=True)
    )
    small = np.clip(scaled[rows][:, columns], 0, 1)
    small = small if small.ndim == 3 else np.repeat(small[..., None], 3, axis=-1)
    return np.ascontiguousarray((small * 255).round().astype(np.uint8))


def _frames(scene: Scene) -> Any:
    if not scene.channels:
        return scene.frames
    from napari_sam2.tracking.composed import Composed

    return Composed(scene.channels)
