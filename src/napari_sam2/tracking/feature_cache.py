"""Image features of views that are looked at again, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict

from napari_sam2.sam2 import ImageFeatures
from napari_sam2.tracking.plates import Plate
from napari_sam2.tracking.view import View

Key = tuple[int, View | Plate]
"""A frame and what was looked at: a plate and a view of the same pixels have features of different size."""


class FeatureCache:
    """Features by frame and view; the longest unused go first when there are more than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._kept: OrderedDict[Key, ImageFeatures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def get(self, key: Key) -> ImageFeatures | None:
        """Features of one image, or None."""
        features = self._kept.get(key)
        if features is not None:
            self._kept.move_to_end(key)
        return features

    def put(self, key: Key, features: ImageFeatures) -> None:
        """Keep features of one image, unless they are larger than the whole cache."""
        old = self._kept.pop(key, None)
        if old is not None:
            self.nbytes -= old.nbytes
        if features.nbytes > self.limit:
            return
        self._kept[key] = features
        self.nbytes += features.nbytes
        while self.nbytes > self.limit:
            self.nbytes -= self._kept.popitem(last=False)[1].nbytes
