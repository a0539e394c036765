"""A stack of colour pictures made of channels, frame by frame as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.channels import Channel
from napari_sam2.tracking.errors import TrackingError
from napari_sam2.tracking.frames import Frames


class Composed:
    """(frames, y, x, 3) float32 from 0 to 1, to be used with the contrast limits (0, 1). Nothing is kept.

    Raises:
        TrackingError: no channels, or channels of different shapes.
    """

    def __init__(self, channels: Sequence[Channel]) -> None:
        if not channels:
            raise TrackingError("got no channel to look at; show at least one")
        self._channels = list(channels)
        self._frames = [Frames(channel.stack, channel.contrast) for channel in channels]
        shapes = {(len(frames), *frames.shape) for frames in self._frames}
        if len(shapes) > 1:
            raise TrackingError(f"got channels of the shapes {sorted(shapes)}, expected them to be alike")
        self.shape = (len(self._frames[0]), *self._frames[0].shape, 3)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, frame: int) -> NDArray[np.float32]:
        picture = np.zeros(self.shape[1:], np.float32)
        if self._channels[0].blending == "minimum":
            picture += 1
        for channel, frames in zip(self._channels, self._frames, strict=True):
            picture = channel.lay_on(picture, channel.coloured(frames.scaled(frame)))
        return np.clip(picture, 0, 1, out=picture)
