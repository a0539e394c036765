"""The picture of the confidence strip: one row per object, one column per frame, as an array of pixels.

Where a pixel shows several frames it shows the most doubtful of them, so that no doubt is lost by zooming out.
Brightness goes one way with doubt in either theme, from blue to orange, which people with any kind of colour vision
tell apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.session.confidence import DOUBTFUL

EMPTY, ABSENT, SURE = 0, 1, 2
"""Levels: nobody has looked; looked for and not found; a mask, sure from here on up to 255, not sure at all."""

_GAP_FROM = 5.0  # pixels per frame from which on a line parts the frames

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """RGB colours, 0 to 255.

    Attributes:
        background: of the widget.
        row: of cells that nobody has looked at.
        absent: the thin line of frames without the object.
        sure, fair: of confidence 1 and of just enough.
        poor, worst: of just too little and of confidence 0.
        prompt: the dot of a prompted frame.
        prompt_rim: around the dot.
        lock: the bar under accepted frames.
    """

    background: Color
    row: Color
    absent: Color
    sure: Color
    fair: Color
    poor: Color
    worst: Color
    prompt: Color
    prompt_rim: Color
    lock: Color


DARK = Palette(
    background=(38, 41, 48),
    row=(50, 54, 62),
    absent=(150, 155, 165),
    sure=(38, 92, 140),
    fair=(92, 134, 165),
    poor=(222, 128, 38),
    worst=(255, 205, 90),
    prompt=(255, 255, 255),
    prompt_rim=(20, 22, 26),
    lock=(215, 222, 230),
)
LIGHT = Palette(
    background=(239, 235, 233),
    row=(226, 222, 219),
    absent=(115, 112, 110),
    sure=(158, 197, 228),
    fair=(112, 158, 198),
    poor=(205, 96, 12),
    worst=(140, 40, 0),
    prompt=(15, 15, 15),
    prompt_rim=(255, 255, 255),
    lock=(45, 45, 50),
)


@dataclass(frozen=True)
class Scale:
    """Which frames lie where along the strip.

    Attributes:
        first: the frame at the left end, a whole one or a part of one.
        per_frame: pixels.
        width: of the strip in pixels.
        frames: of the stack.
    """

    first: float
    per_frame: float
    width: int
    frames: int

    def x(self, frame: float) -> float:
        """Where a frame begins, in pixels from the left."""
        return (frame - self.first) * self.per_frame

    def frame(self, x: float) -> int | None:
        """The frame at a place, None beside the stack."""
        frame = int(np.floor(self.first + x / self.per_frame))
        return frame if 0 <= frame < self.frames else None

    @property
    def fitting(self) -> float:
        """Pixels per frame at which all frames are to be seen."""
        return self.width / max(1, self.frames)

    def zoomed(self, factor: float, x: float) -> "Scale":
        """Larger by a factor, with the same frame at this place; never smaller than it takes to see all frames."""
        largest = max(self.fitting, min(60.0, float(self.width)))
        per_frame = min(max(self.per_frame * factor, self.fitting), largest)
        return Scale(self.first + x / self.per_frame - x / per_frame, per_frame, self.width, self.frames).inside()

    def moved(self, frames: float) -> "Scale":
        """Further along the stack by so many frames."""
        return Scale(self.first + frames, self.per_frame, self.width, self.frames).inside()

    def resized(self, width: int, frames: int) -> "Scale":
        """In another width or for another stack; a strip that showed all frames shows them all again."""
        if frames != self.frames or self.per_frame <= self.fitting * 1.001:
            return fitted(width, frames)
        return Scale(self.first, max(self.per_frame, width / max(1, frames)), width, frames).inside()

    def inside(self) -> "Scale":
        """Moved so that nothing beside the stack is shown."""
        room = max(0.0, self.frames - self.width / self.per_frame)
        return Scale(min(max(self.first, 0.0), room), self.per_frame, self.width, self.frames)


def fitted(width: int, frames: int) -> Scale:
    """All frames in this width; a few frames are not drawn out endlessly."""
    return Scale(0.0, max(1e-6, width / max(1, frames)), max(1, width), frames)


def levels(confidence: NDArray[np.float32], absent: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(rows, frames) level of each cell. The confidence is NaN where there is no mask."""
    known = ~np.isnan(confidence)
    doubt = 1 - np.clip(np.where(known, confidence, 1), 0, 1)
    level = np.where(known, SURE + np.rint(doubt * (255 - SURE)), np.where(absent, ABSENT, EMPTY))
    return level.astype(np.uint8)


def colors(palette: Palette) -> NDArray[np.uint8]:
    """(256, 3) RGB colour of every level. At the threshold of doubt the colour jumps."""
    table = np.empty((256, 3), np.uint8)
    doubt = (np.arange(256) - SURE) / (255 - SURE)
    stops = ([0, 1 - DOUBTFUL], (palette.sure, palette.fair)), ([1 - DOUBTFUL, 1], (palette.poor, palette.worst))
    for side, (where, ends) in zip((doubt <= 1 - DOUBTFUL, doubt > 1 - DOUBTFUL), stops, strict=True):
        for channel in range(3):
            table[side, channel] = np.rint(np.interp(doubt[side], where, [end[channel] for end in ends]))
    table[EMPTY] = palette.row
    table[ABSENT] = palette.row
    return table


def strip_image(
    level: NDArray[np.uint8],
    prompted: NDArray[np.bool_],
    locked: NDArray[np.bool_],
    scale: Scale,
    row_height: int,
    palette: Palette,
) -> NDArray[np.uint8]:
    """The picture of some rows, (rows * row_height, width, 3) RGB.

    Args:
        level: (rows, frames), see `levels`.
        prompted, locked: (rows, frames), the marks: a dot, and a bar along the lower edge.
        scale: which part of the frames, and how large.
        row_height: in pixels, the gap between two rows included.
        palette: the colours.
    """
    rows = len(level)
    shown = _columns(level, scale)
    image = np.repeat(colors(palette)[shown][:, np.newaxis], row_height, axis=1)
    image[:, -1:] = palette.background
    beside = _outside(scale)
    middle = row_height // 2
    line = image[:, middle - 1 : middle]
    line[(shown == ABSENT)[:, np.newaxis]] = palette.absent
    bar = image[:, row_height - 4 : row_height - 1]
    bar[np.repeat(_columns(locked, scale)[:, np.newaxis], bar.shape[1], axis=1)] = palette.lock
    if scale.per_frame >= _GAP_FROM:
        image[:, :, _starts(scale)] = palette.background
    _draw_dots(image, prompted, scale, palette)
    image[:, :, beside] = palette.background
    return image.reshape(rows * row_height, scale.width, 3)


def _frame_edges(scale: Scale) -> NDArray[np.int64]:
    """(width + 1,) the frame at each pixel's left edge; pixels beside the stack get the nearest one."""
    edges = np.floor(scale.first + np.arange(scale.width + 1) / scale.per_frame + 1e-9).astype(np.int64)
    return np.clip(edges, 0, scale.frames - 1)


def _outside(scale: Scale) -> NDArray[np.bool_]:
    position = scale.first + np.arange(scale.width) / scale.per_frame
    return (position < -1e-9) | (position > scale.frames - 1e-9)


def _columns(cells: NDArray[np.generic], scale: Scale) -> NDArray[np.generic]:
    """(rows, width) the cell that each pixel shows, the largest where it shows several."""
    edges = _frame_edges(scale)
    if scale.per_frame >= 1 or len(cells) == 0:
        return cells[:, edges[:-1]]
    largest: NDArray[np.generic] = np.maximum.reduceat(cells[:, : edges[-1] + 1], edges[:-1], axis=1)
    return largest


def _starts(scale: Scale) -> NDArray[np.int64]:
    """The pixels at which frames begin."""
    first = int(np.ceil(scale.first))
    x: NDArray[np.int64] = np.rint((np.arange(first, scale.frames) - scale.first) * scale.per_frame).astype(np.int64)
    inside: NDArray[np.int64] = x[(x >= 0) & (x < scale.width)]
    return inside


def _draw_dots(image: NDArray[np.uint8], prompted: NDArray[np.bool_], scale: Scale, palette: Palette) -> None:
    """A dot with a rim in the middle of every prompted cell; `image` is (rows, row_height, width, 3)."""
    rows, frames = np.nonzero(prompted)
    x = np.floor((frames + 0.5 - scale.first) * scale.per_frame).astype(np.int64)
    inside = (x >= 0) & (x < scale.width)
    places = np.zeros((len(image), scale.width), bool)
    places[rows[inside], x[inside]] = True
    rows, x = np.nonzero(places)
    middle = image.shape[1] // 2 - 1
    for reach, color in ((2, palette.prompt_rim), (1, palette.prompt)):
        for down in range(-reach, reach + 1):
            across = reach if abs(down) < reach else reach - 1
            for step in range(-across, across + 1):
                column = x + step
                seen = (column >= 0) & (column < scale.width)
                image[rows[seen], middle + down, column[seen]] = color
