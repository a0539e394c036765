"""What several objects see of one frame: features of an image, or the part of them that each is shown."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from napari_sam2.sam2 import ImageFeatures

Seen = tuple[ImageFeatures, tuple[slice, slice] | None]
"""Features of an image, as a batch of 1, and the part of them that is meant; None: all."""


class Glance:
    """What several objects see of one frame."""

    def __init__(self, seen: Sequence[Seen]) -> None:
        self._seen = seen

    def of(self, indices: Sequence[int], *, once: bool = True) -> ImageFeatures:
        """Features of some of the objects, as a batch; of 1 where all see the same, if ``once``."""
        chosen = [self._seen[index] for index in indices]
        if once and all(one[0] is chosen[0][0] and one[1] == chosen[0][1] for one in chosen):
            chosen = chosen[:1]
        parts = [features if part is None else features.crop(*part) for features, part in chosen]
        if len(parts) == 1:
            return parts[0]
        return ImageFeatures(
            torch.cat([part.stride16 for part in parts]),
            torch.cat([part.stride8 for part in parts]),
            torch.cat([part.stride4 for part in parts]),
        )
