"""Several channels seen as one colour picture, in the colours in which a viewer shows them. Knows no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.contrast import AUTO, Contrast
from napari_sam2.tracking.errors import TrackingError

Blending = Literal["additive", "translucent", "opaque", "minimum"]

COLOURS = {
    "gray": (1.0, 1.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "cyan": (0.0, 1.0, 1.0),
    "magenta": (1.0, 0.0, 1.0),
    "yellow": (1.0, 1.0, 0.0),
}
"""What white of a channel is shown as, by name."""


def colour_table(colour: str | Sequence[float]) -> NDArray[np.float32]:
    """(256, 3) colours, 0 to 1, from black to a named colour or to (r, g, b).

    Raises:
        TrackingError: a name that is not in COLOURS.
    """
    if isinstance(colour, str):
        if colour.lower() not in COLOURS:
            raise TrackingError(f"got the colour {colour!r}, expected one of {', '.join(COLOURS)}")
        colour = COLOURS[colour.lower()]
    return np.linspace(0, 1, 256, dtype=np.float32)[:, None] * np.asarray(colour, np.float32)


def default_colours(channels: int) -> list[str]:
    """Colours for so many channels, as viewers choose them."""
    if channels <= 2:
        return [["gray"], ["magenta", "green"]][channels - 1]
    return [("cyan", "yellow", "magenta", "red", "green", "blue")[number % 6] for number in range(channels)]


@dataclass(frozen=True)
class Channel:
    """One channel of a picture.

    Attributes:
        stack: (frames, y, x) array-like, or (frames, y, x, 3), which keeps its colours.
        table: (n, 3) colours, 0 to 1, that intensities from black to white are shown in.
        contrast: which intensities are black and white.
        opacity: 0 to 1, of the whole channel.
        blending: how it lies on the channels before it.
    """

    stack: Any
    table: NDArray[np.float32] = field(default_factory=lambda: colour_table("gray"))
    contrast: Contrast = AUTO
    opacity: float = 1.0
    blending: Blending = "additive"

    def __post_init__(self) -> None:
        """Refuse what cannot be used."""
        if self.blending not in get_args(Blending):
            raise TrackingError(f"got the blending {self.blending!r}, expected one of {', '.join(get_args(Blending))}")
        if self.table.ndim != 2 or self.table.shape[1] != 3 or len(self.table) < 2:
            raise TrackingError(f"got a table of colours of shape {self.table.shape}, expected (n, 3)")

    def coloured(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """(y, x) of 0 to 1 as (y, x, 3) in the channel's colours; what is colour already stays."""
        clipped = np.clip(scaled, 0, 1)
        if clipped.ndim == 3:
            return clipped
        # Not interpolated: a table has as many steps as a screen.
        index = np.rint(clipped * (len(self.table) - 1)).astype(np.intp)
        colours: NDArray[np.float32] = self.table[index]
        return colours

    def lay_on(self, below: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
        """The picture (y, x, 3) with this channel on it; writes into `below`."""
        if self.blending == "additive":
            below += colours * np.float32(self.opacity)
        elif self.blending == "minimum":
            np.minimum(below, colours, out=below)
        else:
            share = np.float32(1.0 if self.blending == "opaque" else self.opacity)
            below *= 1 - share
            below += colours * share
        return below
