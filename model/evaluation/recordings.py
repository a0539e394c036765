"""The real recordings, with silver-truth masks, and the masks linked over time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

IMAGES = {
    "HeLa": ("Fluo_Hela_02_img.tif", "Fluo_Hela_02_ERR_SEG.tif"),
    "CHO": ("Fluo-N3DH-CHO_02_img.tif", "Fluo-N3DH-CHO_02_ERR_SEG.tif"),
    "bacteria": ("trpL_150310-11_img.tif", "trpL_150310-11_mask.tif"),
    # Examples of the package `stardist` (0.9.2, BSD-3-Clause, stardist/data/images): nuclei in a dish, and a small
    # volume of crowded ones, of which single slices are taken.
    "dish": ("img2d.tif", "mask2d.tif"),
    "volume": ("img3d.tif", "mask3d.tif"),
}
OTHERS = ("dish", "volume")
CHO_SLICE = 2
LINK_IOU = 0.2


@dataclass(frozen=True)
class Recording:
    """images (t or z, y, x) and masks of the same shape, whose ids mean nothing from one frame to the next."""

    name: str
    images: np.ndarray
    masks: np.ndarray


def load(name: str, folder: Path) -> Recording:
    """One recording from the unpacked files of the wheel. Of CHO, slice 2 is taken."""
    images, masks = (tifffile.imread(folder / file) for file in IMAGES[name])
    if images.ndim == 4:
        images = images[:, CHO_SLICE]
    if masks.ndim == 4:
        masks = masks[:, CHO_SLICE]
    if images.ndim == 2:
        images, masks = images[None], masks[None]
    return Recording(name, images, masks)


def deepest(mask: np.ndarray) -> tuple[int, int]:
    """The pixel (y, x) that lies deepest inside a mask: where a person would click."""
    from scipy import ndimage

    rows, columns = np.nonzero(mask)
    y0, x0 = rows.min(), columns.min()
    crop = np.pad(mask[y0 : rows.max() + 1, x0 : columns.max() + 1], 1)
    y, x = np.unravel_index(ndimage.distance_transform_edt(crop).argmax(), crop.shape)
    return int(y + y0 - 1), int(x + x0 - 1)


def link(masks: np.ndarray) -> list[list[int]]:
    """Tracks of the objects of frame 0: each a list of ids, one per frame, as long as it can be followed.

    Object a goes on as b when each overlaps the other most and their IoU is above 0.2; where no such b exists, as at a
    division, the track ends.
    """
    tracks = [[int(i)] for i in np.unique(masks[0]) if i]
    going = list(range(len(tracks)))
    for frame in range(1, len(masks)):
        before, after = masks[frame - 1].astype(np.int64), masks[frame].astype(np.int64)
        both = np.bincount(
            (before * (after.max() + 1) + after).ravel(), minlength=(before.max() + 1) * (after.max() + 1)
        )
        overlap = both.reshape(before.max() + 1, after.max() + 1)
        area_before, area_after = overlap.sum(1), overlap.sum(0)
        inner = overlap.copy()
        inner[0], inner[:, 0] = 0, 0
        still = []
        for index in going:
            a = tracks[index][-1]
            b = int(inner[a].argmax())
            shared = inner[a, b]
            mutual = shared > 0 and int(inner[:, b].argmax()) == a
            if mutual and shared / (area_before[a] + area_after[b] - shared) > LINK_IOU:
                tracks[index].append(b)
                still.append(index)
        going = still
    return tracks
