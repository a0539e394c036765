"""How an image was seen in a session: which level, contrast and channels; written down, and brought back."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from napari.layers import Image, Layer
from napari.utils.colormaps import AVAILABLE_COLORMAPS

from napari_sam2.session.folder_format import ChannelEntry, ComposedEntry, ContrastEntry, ImageEntry, WorldEntry
from napari_sam2.session.tables import packed
from napari_sam2.tracking.channels import Channel
from napari_sam2.ui.geometry import Axes, image_shape, level_of, pixel_aspect, pixels_of, placed
from napari_sam2.ui.scene import Look, channel_axis, composable, contrast_of, in_depth
from napari_sam2.ui.workspace import Workspace


@dataclass(frozen=True)
class Seen:
    """How an image is seen at one moment. Taken on the main thread; pixels are read later, on another one.

    Attributes:
        parts: the channels that the model sees and the images that they are, the lowest first; none: the image alone.
    """

    image: Image
    axes: Axes
    look: Look
    level: int
    parts: tuple[tuple[Image, Channel], ...]
    world: WorldEntry

    @classmethod
    def of(cls, work: Workspace) -> "Seen":
        """How it is seen now."""
        several = work.look.channels != "image" and work.fits()
        channels = work.stack(work.visible()[0]).channels if several else ()
        images = [work.image] * len(channels)
        if work.look.channels == "visible" and channels:
            images = composable(work.image, work.images)
        parts = tuple(zip(images, channels, strict=True))
        return cls(work.image, work.axes, work.look, level_of(work.image), parts, _world(work.layers[0]))

    def entry(self, mark: Callable[[Image], str]) -> ImageEntry:
        """Which image it is, for a session folder.

        Args:
            mark: the fingerprint of an image; reads pixels.
        """
        image, look = self.image, self.look
        return ImageEntry(
            name=image.name,
            path=str(image.source.path or ""),
            shape=list(self.axes.shape),
            dtype=str(np.dtype(pixels_of(image).dtype)),
            rgb=bool(image.rgb),
            frame_axis=self.axes.frame,
            swept_axis=self.axes.swept,
            level=self.level,
            aspect=pixel_aspect(image, self.axes),
            contrast=ContrastEntry(**asdict(replace(contrast_of(image, look), invert=look.invert))),
            composed=self._composed(mark),
            world=self.world,
            ends=look.ends and in_depth(image, self.axes),
            fingerprint=mark(image),
        )

    def _composed(self, mark: Callable[[Image], str]) -> ComposedEntry | None:
        if self.look.channels == "image" or not self.parts:
            return None
        if self.look.channels == "axis":
            axis = channel_axis(self.axes, self.image.axis_labels)
            return ComposedEntry(kind="axis", axis=axis, channels=[_entry(channel) for _, channel in self.parts])
        return ComposedEntry(kind="visible", channels=[self._part(part, channel, mark) for part, channel in self.parts])

    def _part(self, part: Image, channel: Channel, mark: Callable[[Image], str]) -> ChannelEntry:
        about = {"name": part.name, "path": str(part.source.path or ""), "colormap": part.colormap.name}
        return _entry(channel, **about, own=part == self.image, fingerprint=mark(part))


def _world(layer: Layer) -> WorldEntry:
    scale, translate, turned = placed(layer)
    return WorldEntry(
        labels=[str(label) for label in layer.axis_labels],
        units=[str(unit) for unit in layer.units],
        scale=[float(size) for size in scale],
        translate=[float(place) for place in translate],
        turned=turned,
    )


def _entry(channel: Channel, **about: object) -> ChannelEntry:
    return ChannelEntry(
        table=packed(channel.table),
        contrast=ContrastEntry(**asdict(channel.contrast)),
        opacity=channel.opacity,
        blending=channel.blending,
        **about,
    )


def see_again(work: Workspace, entry: ImageEntry) -> list[str]:
    """See the image of a workspace as it was seen. Returns the names of what it was seen with and is missing."""
    missing: list[str] = []
    if entry.contrast is not None:
        contrast = entry.contrast
        work.look = replace(work.look, contrast=_kind(contrast), invert=contrast.invert)
        _tone(work.image, contrast)
    composed = entry.composed
    ends = entry.ends is not False or not in_depth(work.image, work.axes)
    work.look = replace(work.look, channels=composed.kind if composed is not None else "image", ends=ends)
    if composed is not None and composed.kind == "visible":
        parts = {channel.name: channel for channel in composed.channels if not channel.own}
        others = [image for image in composable(work.image, _all_shown(work, parts)) if image != work.image]
        for other in others:
            other.visible = other.name in parts
        for channel in composed.channels:
            layer = work.image if channel.own else next((it for it in others if it.name == channel.name), None)
            if layer is None:
                missing.append(channel.name)
            else:
                _show(layer, channel)
    return missing


def missing_files(entry: ImageEntry, images: list[Image]) -> list[Path]:
    """The files of images that were seen together with an image and are not open."""
    channels = entry.composed.channels if entry.composed is not None else []
    here = {image.name for image in images if image_shape(image) == tuple(entry.shape)}
    wanted = (
        Path(channel.path) for channel in channels if channel.path and not channel.own and channel.name not in here
    )
    return [path for path in dict.fromkeys(wanted) if path.exists()]


def _all_shown(work: Workspace, wanted: dict[str, ChannelEntry]) -> list[Image]:
    """The images of the viewer, the wanted ones not hidden."""
    for image in work.images:
        if image.name in wanted and image_shape(image) == image_shape(work.image):
            image.visible = True
    return work.images


def _show(layer: Image, channel: ChannelEntry) -> None:
    _tone(layer, channel.contrast)
    layer.opacity, layer.blending = channel.opacity, channel.blending
    if channel.colormap in AVAILABLE_COLORMAPS and not layer.rgb:
        layer.colormap = channel.colormap


def _tone(layer: Image, contrast: ContrastEntry) -> None:
    if not layer.rgb:
        layer.gamma = contrast.gamma
    if contrast.limits is not None:
        # What the model sees goes by what the viewer shows.
        layer.contrast_limits = contrast.limits


def _kind(contrast: ContrastEntry) -> str:
    return contrast.kind if contrast.kind in ("percentiles", "frame") else "shown"
