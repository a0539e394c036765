"""Endless batches of simulated clips, drawn in worker processes: images, and masks of a few objects in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from simulator import Clip, sample_clip
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

SIZE = 256


@dataclass
class Batch:
    """B clips of T frames with K objects each.

    Objects are rows of a flat axis N = B * K; ``owner`` tells whose. Masks are of 64 x 64 cells with the share of a
    cell that is covered. ``known`` is False on frames that say nothing of the object (after its division).
    """

    images: Tensor  # (B, T, 1, S, S) float32
    labels: Tensor  # (B, T, S, S) int32, all objects
    owner: Tensor  # (N,)
    masks: Tensor  # (N, T, 64, 64) float32
    present: Tensor  # (N, T) bool
    known: Tensor  # (N, T) bool
    clicks: Tensor  # (N, 2) x, y in pixels, inside the object on frame 0
    boxes: Tensor  # (N, 4) x0, y0, x1, y1 in pixels, on frame 0

    def resized(self, side: int) -> Batch:
        """The same scenes in windows of ``side`` pixels, for networks of another input size."""
        if side == self.images.shape[-1]:
            return self
        zoom = side / self.images.shape[-1]
        flat = self.images.flatten(0, 1)
        images = F.interpolate(flat, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
        labels = F.interpolate(self.labels.float(), size=(side, side), mode="nearest-exact").int()
        masks = F.interpolate(self.masks, size=(side // 4, side // 4), mode="bilinear", antialias=True)
        return replace(
            self,
            images=images.unflatten(0, self.images.shape[:2]),
            labels=labels,
            masks=masks,
            clicks=(self.clicks + 0.5) * zoom - 0.5,
            boxes=(self.boxes + 0.5) * zoom - 0.5,
        )


def inner_click(rng: np.random.Generator, mask: np.ndarray) -> tuple[float, float]:
    """A click as a person sets it: somewhere inside, more often near the middle. Returns (x, y)."""
    rows, columns = np.nonzero(mask)
    y0, x0 = rows.min(), columns.min()
    crop = np.pad(mask[y0 : rows.max() + 1, x0 : columns.max() + 1], 1)
    depth = ndimage.distance_transform_edt(crop)
    if rng.random() < 0.3:
        y, x = np.unravel_index(depth.argmax(), depth.shape)
    else:
        weight = depth.ravel() ** 2
        y, x = np.unravel_index(rng.choice(weight.size, p=weight / weight.sum()), depth.shape)
    return float(x + x0 - 1), float(y + y0 - 1)


def loose_box(rng: np.random.Generator, mask: np.ndarray) -> tuple[float, float, float, float]:
    """The bounding box, each side off by up to a tenth of its length. Returns (x0, y0, x1, y1)."""
    rows, columns = np.nonzero(mask)
    y0, y1, x0, x1 = rows.min(), rows.max(), columns.min(), columns.max()
    spread = 0.05 * rng.normal(size=4).clip(-2, 2)
    dy, dx = y1 - y0 + 1, x1 - x0 + 1
    return (x0 + spread[0] * dx, y0 + spread[1] * dy, x1 + spread[2] * dx, y1 + spread[3] * dy)


def eligible(labels: np.ndarray, most: float = 0.4) -> np.ndarray:
    """Objects of the first frame that a window of the tracker could be meant for: up to a share ``most`` of it."""
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    return np.nonzero((areas > 60) & (areas <= most * labels.size))[0]


def from_afar(rng: np.random.Generator, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scene seen through too large a window: shrunk, and continued by its mirror images or by an empty field.

    A crowd of small cells must not pass for one large one: that is how the tracker finds the size of a window.
    """
    shrink = int(rng.choice([2, 2, 3, 4]))
    frames, size, _ = images.shape
    side = size // shrink
    part = images[:, : side * shrink, : side * shrink].reshape(frames, side, shrink, side, shrink)
    start = rng.integers(0, size - side + 1, 2)
    pads = ((0, 0), *((int(s), size - side - int(s)) for s in start))
    shrunk = part.mean((2, 4), dtype=np.float32)
    if rng.random() < 0.5:
        # A colony alone in an empty field, with the grain of the scene.
        rim = np.concatenate([shrunk[:, 0], shrunk[:, -1], shrunk[:, :, 0], shrunk[:, :, -1]], axis=1)
        grain = float(np.abs(np.diff(rim, axis=1)).mean())
        small = rng.normal(np.median(rim), grain, images.shape).astype(np.float32)
        inside = (slice(None), *(slice(int(s), int(s) + side) for s in start))
        small[inside] = shrunk
        alone = np.zeros_like(labels)
        alone[inside] = labels[:, shrink // 2 :: shrink, shrink // 2 :: shrink][:, :side, :side]
        return small, alone
    small = np.pad(shrunk, pads, mode="symmetric")
    fewer = np.pad(labels[:, shrink // 2 :: shrink, shrink // 2 :: shrink][:, :side, :side], pads, mode="symmetric")
    # Mirror images of a cell are other cells.
    tile = [(np.arange(size) - int(s)) // side + shrink for s in start]
    number = tile[0][:, None] * (2 * shrink + 1) + tile[1]
    top = int(labels.max()) + 1
    return small, np.where(fewer > 0, fewer + number * top, 0).astype(np.int32)


def from_near(rng: np.random.Generator, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scene seen through too small a window, around a place inside an object that may fill it.

    The grain of an organ must not pass for a cell, nor the end of a rod for a rod: the answer is what is seen of the
    object, and the tracker, which tries windows of many sizes, knows by that answer that it is too near.
    """
    found = eligible(labels[0])
    if not len(found):
        return images, labels
    size = labels.shape[1]
    side = int(size / np.exp(rng.uniform(np.log(1.5), np.log(5.5))))
    x, y = inner_click(rng, labels[0] == rng.choice(found))
    y0, x0 = (int(np.clip(place - side * rng.uniform(0.3, 0.7), 0, size - side)) for place in (y, x))
    part = (slice(None), slice(y0, y0 + side), slice(x0, x0 + side))
    zoom = size / side
    larger = ndimage.zoom(images[part][0], zoom, order=int(rng.integers(1, 4)))[:size, :size]
    index = np.minimum((np.arange(size) / zoom).astype(int), side - 1)
    return larger[None], labels[part][:, index[:, None], index[None]]


def augment(rng: np.random.Generator, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """Flip, turn, invert and bend the grey values; the same for all frames of a clip."""
    images, labels = clip.images.astype(np.float32), clip.labels.astype(np.int32)
    if rng.random() < 0.5:
        images, labels = images[:, ::-1], labels[:, ::-1]
    turns = int(rng.integers(4))
    images, labels = np.rot90(images, turns, (1, 2)), np.rot90(labels, turns, (1, 2))
    if len(images) == 1:
        luck = rng.random()
        if luck < 0.2:
            images, labels = from_afar(rng, images, labels)
        elif luck < 0.4:
            images, labels = from_near(rng, images, labels)
    if rng.random() < 0.06:
        images = images.max() - images
    if rng.random() < 0.3:
        low, high = images.min(), images.max()
        images = ((images - low) / (high - low + 1e-6)) ** float(np.exp(rng.normal(0, 0.35)))
    return np.ascontiguousarray(images, np.float32), np.ascontiguousarray(labels)


def hide(rng: np.random.Generator, images: np.ndarray, labels: np.ndarray) -> None:
    """For a frame or two the light fails, or something lies before a part of the picture; in place.

    What cannot be seen is absent there, and comes back.
    """
    frames, size, _ = images.shape
    first = int(rng.integers(1, frames))
    span = slice(first, first + int(rng.integers(1, 3)))
    grain = float(np.abs(np.diff(images[0], axis=1)).mean())
    if rng.random() < 0.25:
        where: tuple[slice, ...] = (span,)
    else:
        # Objects are picked near the middle more often than at the rim: so is what hides them.
        height, width = (size * rng.uniform(0.2, 0.7, 2)).astype(int)
        y, x = (int(np.clip(rng.normal(size / 2, size / 5) - side / 2, 0, size - side)) for side in (height, width))
        where = (span, slice(y, y + height), slice(x, x + width))
    level = np.percentile(images[0], rng.uniform(2, 60))
    images[where] = level + rng.normal(0, grain, images[where].shape)
    labels[where] = 0


def share(mask: np.ndarray) -> np.ndarray:
    """Share of every 4 x 4 cell that is covered: (..., S, S) to (..., S / 4, S / 4)."""
    *lead, height, width = mask.shape
    return mask.reshape(*lead, height // 4, 4, width // 4, 4).mean((-3, -1), dtype=np.float32)


class Clips(IterableDataset):  # type: ignore[type-arg]
    """Batches of ``clips`` clips of ``frames`` frames, ``objects`` objects each."""

    def __init__(self, seed: int, clips: int, frames: int, objects: int) -> None:
        self.seed, self.clips, self.frames, self.objects = seed, clips, frames, objects

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        while True:
            yield self.draw(rng)

    def draw(self, rng: np.random.Generator) -> Batch:
        rows: dict[str, list[np.ndarray]] = {k: [] for k in ("owner", "masks", "present", "known", "clicks", "boxes")}
        images, labels = [], []
        while len(images) < self.clips:
            clip = sample_clip(rng, frames=self.frames, size=SIZE)
            clip_images, clip_labels = augment(rng, clip)
            # Whose identity ends with a division: mothers, and backwards in time the daughters, who become one.
            ending = set(clip.parents.values())
            if self.frames > 1 and rng.random() < 0.3:
                clip_images, clip_labels = clip_images[::-1].copy(), clip_labels[::-1].copy()
                ending = set(clip.parents)
            if self.frames > 1 and rng.random() < 0.2:
                whole = clip_labels.copy()
                hide(rng, clip_images, clip_labels)
            else:
                whole = clip_labels
            found = eligible(clip_labels[0], 0.4 if self.frames > 1 else 1.0)
            if not len(found):
                continue
            for ident in rng.choice(found, self.objects, replace=len(found) < self.objects):
                mask = clip_labels == ident
                present = mask.any((1, 2))
                last = int(np.nonzero((whole == ident).any((1, 2)))[0].max())
                # Whether a dividing cell goes on as one of its daughters is a matter of taste: nothing is learnt there.
                known = np.arange(self.frames) <= last if int(ident) in ending else np.ones(self.frames, bool)
                rows["owner"].append(np.array(len(images)))
                rows["masks"].append(share(mask))
                rows["present"].append(present)
                rows["known"].append(known)
                rows["clicks"].append(np.array(inner_click(rng, mask[0]), np.float32))
                rows["boxes"].append(np.array(loose_box(rng, mask[0]), np.float32))
            images.append(clip_images[:, None])
            labels.append(clip_labels)
        tensors = {key: torch.from_numpy(np.stack(value)) for key, value in rows.items()}
        return Batch(torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(labels)), **tensors)


def stream(seed: int, clips: int, frames: int, objects: int) -> Iterator[Batch]:
    """Batches from one worker process, a few of them ahead."""
    loader = DataLoader(Clips(seed, clips, frames, objects), batch_size=None, num_workers=1, prefetch_factor=4)
    return iter(loader)
