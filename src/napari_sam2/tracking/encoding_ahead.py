"""The next frame, encoded while the tracker works on this one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from napari_sam2.sam2 import ImageFeatures
from napari_sam2.tracking.plates import Plate
from napari_sam2.tracking.shortage import out_of_memory
from napari_sam2.tracking.view import View

Seen = View | Plate
"""What is looked at: a view, or a plate that the windows of several objects are cut from."""


@dataclass
class _Begun:
    """One frame that is being encoded."""

    frame: int
    seen: Seen
    features: Future[ImageFeatures | None]
    given_up: Future[None] = field(default_factory=Future)


class EncodingAhead:
    """Encodes one frame at a time on a thread of its own; on a card of CUDA in a stream of its own, too.

    This is the one thread beside the tracker's that runs the network, and all that it runs is the image encoder. What
    goes wrong in it counts as not done: it goes wrong again, or does not, when the frame's turn comes.

    Args:
        encode: features, as a batch of 1, of what is seen of a (C, y, x) frame.
        device: of the network.
        wanted: whether to encode ahead at all; None: where it gains. A graphics card has room for both, processor cores
            that are busy have not (docs/performance.md). Of Apple's graphics processors torch has one stream, which is
            not for two threads.
    """

    def __init__(
        self, encode: Callable[[Tensor, Seen], ImageFeatures], device: torch.device, wanted: bool | None
    ) -> None:
        self._encode, self._device = encode, device
        self.on = device.type != "mps" and (device.type == "cuda" if wanted is None else wanted)
        self._thread: ThreadPoolExecutor | None = None
        self._side: torch.cuda.Stream | None = None
        self._begun: _Begun | None = None

    def begin(self, frame: int, seen: Seen, pixels: Future[Tensor]) -> None:
        """Start to encode what is ``seen`` of a frame when its pixels are there. What was begun before is let go of."""
        self._drop()
        if not self.on:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "napari-sam2 encoding ahead")
        if self._device.type == "cuda":
            self._side = self._side or torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            # What the tracker's stream has made so far, and the encoder may use, must be there.
            self._side.wait_stream(torch.cuda.current_stream(self._device))
        given_up: Future[None] = Future()
        self._begun = _Begun(frame, seen, self._thread.submit(self._run, seen, pixels, given_up), given_up)

    def _run(self, seen: Seen, pixels: Future[Tensor], given_up: Future[None]) -> ImageFeatures | None:
        either: list[Future[Any]] = [pixels, given_up]
        wait(either, return_when=FIRST_COMPLETED)
        if given_up.done():
            return None
        # Both are of this thread alone.
        with torch.inference_mode(), nullcontext() if self._side is None else torch.cuda.stream(self._side):
            return self._encode(pixels.result(), seen)

    def take(self, frame: int, seen: Seen) -> ImageFeatures | None:
        """What was encoded ahead, to be used in the stream of this thread; None if it was not, or that went wrong."""
        begun = self._begun
        if begun is None or (begun.frame, begun.seen) != (frame, seen):
            return None
        self._begun = None
        try:
            features = begun.features.result()
        except Exception as error:  # noqa: BLE001, said when the caller tries the same
            self.on = self.on and not out_of_memory(error)
            return None
        if self._side is not None and features is not None:
            stream = torch.cuda.current_stream(self._device)
            stream.wait_stream(self._side)
            for part in vars(features).values():
                part.record_stream(stream)  # else its memory is given away when the other stream is done with it
        return features

    def give_up(self) -> None:
        """Encode nothing ahead any more, because memory is short."""
        self.on = False
        self.close()

    def close(self) -> None:
        """Leave no thread and no features behind. Waits for the encoder if it is at work, not for a frame to arrive."""
        self._drop()
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def _drop(self) -> None:
        if self._begun is not None:
            self._begun.given_up.set_result(None)
            wait([self._begun.features])
            self._begun = None
