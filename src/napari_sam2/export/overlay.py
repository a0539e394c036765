"""A picture of the result over time: frames side by side with coloured objects, their numbers and their trails."""

import colorsys
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from napari_sam2.export.measure import measure
from napari_sam2.export.results import Results
from napari_sam2.files import written_beside

Picture = npt.NDArray[np.uint8]
Position = tuple[float, float]
"""(y, x) in data pixels"""

_BACKGROUND = (18, 18, 22)
_TEXT = (235, 235, 240)
_GAP = 12
_CAPTION = 30
_FILL = 0.35


@dataclass(frozen=True)
class Layout:
    """How the picture is arranged: which frames, in how many columns, and its width in pixels."""

    frames: Sequence[int]
    columns: int
    width: int = 2400


def spread_frames(count: int, panels: int) -> list[int]:
    """At most `panels` frames of `count`, evenly spread, the first and the last among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(panels, count))})


def draw_overlay(
    path: str | os.PathLike[str],
    stack: Any,
    labels: Any,
    layout: Layout,
    *,
    title: str = "",
    clicks: Mapping[int, Sequence[Position]] | None = None,
) -> None:
    """Write a PNG of some frames with their objects.

    Args:
        path: the file to write or replace.
        stack: (frames, y, x) or (frames, y, x, 3), any array that gives a frame when it is indexed.
        labels: (frames, y, x) unsigned integers, 0 = background.
        layout: frames and arrangement.
        title: a line above the panels.
        clicks: (y, x) data pixels to mark, by frame.

    Raises:
        OSError: the file cannot be written; what was there before stays.
    """
    height, width = labels.shape[1:]
    panel_width = (layout.width - _GAP * (layout.columns + 1)) // layout.columns
    scale = panel_width / width
    size = (panel_width, max(round(height * scale), 1))
    rows = -(-len(layout.frames) // layout.columns)
    head = 56 if title else _GAP
    canvas = Image.new("RGB", (layout.width, head + rows * (_CAPTION + size[1] + _GAP)), _BACKGROUND)
    write = ImageDraw.Draw(canvas)
    write.text((_GAP, 14), title, fill=_TEXT, font=ImageFont.load_default(26))
    paths = _centroids(labels)
    low, high = _contrast(stack[layout.frames[0]])
    for place, frame in enumerate(layout.frames):
        row, column = divmod(place, layout.columns)
        picture = panel(_shown(np.asarray(stack[frame]), (low, high)), np.asarray(labels[frame]), size)
        annotate(picture, frame, (scale, scale), paths, (clicks or {}).get(frame, ()))
        x, y = _GAP + column * (size[0] + _GAP), head + row * (_CAPTION + size[1] + _GAP)
        write.text((x, y), f"frame {frame}", fill=_TEXT, font=ImageFont.load_default(20))
        canvas.paste(picture, (x, y + _CAPTION))
    with written_beside(path) as file:
        canvas.save(file, format="PNG", optimize=True)


def colour_of(identity: int) -> tuple[int, int, int]:
    """A bright colour for an object; neighbouring ids differ most (hues a golden ratio apart)."""
    red, green, blue = colorsys.hsv_to_rgb(identity * 0.618034 % 1, 0.62, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def _centroids(labels: Any) -> dict[int, list[tuple[int, Position]]]:
    """(frame, (y, x)) of every object in the order of frames."""
    paths: dict[int, list[tuple[int, Position]]] = {}
    found = measure(Results(labels))
    for item, frame, (y, x) in zip(found.object.tolist(), found.frame.tolist(), found.centroid.tolist(), strict=True):
        paths.setdefault(item, []).append((frame, (y, x)))
    return paths


def _contrast(frame: Any) -> tuple[float, float]:
    low, high = np.percentile(np.asarray(frame), (1, 99.7))
    return float(low), float(max(high, low + 1e-6))


def panel(shown: Picture, labels: Any, size: tuple[int, int]) -> Image.Image:
    """One frame at its size in the picture, (width, height), objects filled lightly and outlined.

    Args:
        shown: (y, x) or (y, x, 3) picture of the image, 8 bit.
        labels: (y, x).
        size: (width, height) in pixels of the result.
    """
    image = Image.fromarray(shown).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(image).astype(np.float32)
    # Nearest neighbour by index: PIL has no mode for 32-bit labels.
    rows = ((np.arange(size[1]) + 0.5) * labels.shape[0] / size[1]).astype(int)
    columns = ((np.arange(size[0]) + 0.5) * labels.shape[1] / size[0]).astype(int)
    enlarged = labels[rows[:, None], columns]
    ids, which = np.unique(enlarged, return_inverse=True)
    colours = np.array([colour_of(identity) if identity else (0, 0, 0) for identity in ids.tolist()], np.float32)
    colour = colours[which.reshape(enlarged.shape)]
    weight = np.where(enlarged > 0, _FILL, 0.0) + (1 - _FILL) * _outline(enlarged)
    mixed = pixels + (colour - pixels) * weight[..., None].astype(np.float32)
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))


def _shown(frame: Any, limits: tuple[float, float]) -> Picture:
    """8-bit picture of a frame; colours stay, intensities are stretched, dim objects lifted a little."""
    if frame.ndim == 3 and frame.dtype == np.uint8:
        return np.asarray(frame, dtype=np.uint8)
    low, high = limits
    grey = frame.mean(axis=-1) if frame.ndim == 3 else frame
    shown: Picture = (stretched(grey, (low, high)) * 255).astype(np.uint8)
    return shown


def stretched(grey: Any, limits: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Intensities between the limits as 0 to 1, dim ones lifted a little; NaN is 0."""
    low, high = limits
    linear = np.clip((np.nan_to_num(grey.astype(np.float32)) - low) / (high - low), 0, 1)
    lifted: npt.NDArray[np.float32] = linear**0.7
    return lifted


def _outline(labels: Any) -> npt.NDArray[np.bool_]:
    """Pixels of objects that touch something else within two pixels."""
    edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        for step in (1, 2):
            near = (slice(None),) * axis + (slice(0, -step),)
            far = (slice(None),) * axis + (slice(step, None),)
            differs = labels[near] != labels[far]
            edge[near] |= differs
            edge[far] |= differs
    inner: npt.NDArray[np.bool_] = edge & (labels > 0)
    return inner


def annotate(
    picture: Image.Image,
    frame: int,
    scale: tuple[float, float],
    paths: Mapping[int, Sequence[tuple[int, Position]]],
    clicks: Sequence[Position],
) -> None:
    """Draw trails up to this frame, the number of every object that is in it, and clicks.

    Args:
        picture: of one frame, changed in place.
        frame: which.
        scale: (y, x) pixels of the picture per pixel of the data.
        paths: (frame, centroid) by object, in the order of frames.
        clicks: in this frame.
    """
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(17)

    def place(position: Position) -> tuple[float, float]:
        return (position[1] + 0.5) * scale[1], (position[0] + 0.5) * scale[0]

    for identity, path in paths.items():
        trail = [place(position) for when, position in path if when <= frame]
        if len(trail) > 1:
            draw.line(trail, fill=colour_of(identity), width=2, joint="curve")
        here = [position for when, position in path if when == frame]
        if here:
            x, y = place(here[0])
            # Beside the click where there is one, so that both can be read.
            x, y, anchor = (x + 6, y - 4, "lb") if clicks else (x, y, "mm")
            draw.text((x, y), str(identity), _TEXT, font, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))
    for position in clicks:
        x, y = place(position)
        draw.ellipse((x - 3.5, y - 3.5, x + 3.5, y + 3.5), outline=(0, 0, 0), fill=(255, 255, 255))
