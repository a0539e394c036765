"""Proposals: all objects of one frame, found by clicks on a grid. What "segment this frame" does.

The frame is cut into overlapping views and every view is clicked on a grid. Of the masks that come back, those count
that the network is sure of, that hardly change with the threshold, and that lie whole in their view. Several clicks
that find the same object speak for it; of masks that overlap, the one that is spoken for best stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_sam2.tracking import scale
from napari_sam2.tracking.network import Network
from napari_sam2.tracking.proposal import Proposal, distinct, typical_diameter
from napari_sam2.tracking.view import Shape, View


@dataclass(frozen=True)
class ProposeOptions:
    """What is proposed. Thresholds are of the network's own judgement, so they hold for any image."""

    diameter: float | None = None
    """Typical size of the objects, in pixels; None: looked for."""
    least_iou: float = 0.7
    """Predicted IoU below which a mask is not proposed."""
    least_stability: float = 0.7
    """IoU of a mask with itself when the threshold of its logits moves by one up and down."""
    least_contrast: float = 0.5
    """Difference between the inner and the outer side of a mask's rim, in standard deviations of the pixels there. A
    network that looks at local contrast sees objects in noise; noise does not stand out of itself."""
    overlap: float = 0.3
    """Of two masks that share more than this part of the smaller one, the weaker goes."""
    clicks: int = 8
    """Clicks along each side of a view."""
    batch: int = 32
    """Clicks that go through the network at once."""


@dataclass(frozen=True)
class Proposed:
    """How far it is: ``done`` of about ``total`` views; ``proposals`` are there in the last one, best first."""

    done: int
    total: int
    proposals: tuple[Proposal, ...] | None = None


SIZING_VIEWS = 6
"""Views in which the size of the objects is looked for, per size of view."""
SIZING_CLICKS = 5
WIDEST_SHARE = scale.FITTING[1]
OVERLAPPING = 0.6
"""Distance of one view to the next, in sides."""
SURE = 0.8
"""Inside of a mask of this score, the views to come are not clicked any more."""
_MASK_DELTA = 1.0


def propose(
    network: Network, frame: int, *, windows: bool, taken: NDArray[np.integer] | None, options: ProposeOptions
) -> Iterator[Proposed]:
    """Look for all objects of a frame, view by view. Closing the generator cancels.

    Args:
        windows: look through windows of five times the size of the objects, not at the whole frame.
        taken: (y, x) labels of what is segmented already; nothing is proposed there.
    """
    shape = network.frames.shape
    free = np.ones(shape, bool) if taken is None else taken == 0
    sizing: list[View] = []
    found: list[Proposal] = []
    diameter = options.diameter
    if windows and diameter is None:
        sizing = _sizing_views(network, frame)
        sized = []
        for done, view in enumerate(sizing):
            yield Proposed(done, 3 * len(sizing))
            sized.append((view, _in_view(network, frame, view, _grid(view, shape, SIZING_CLICKS, None), options)))
        diameter = typical_diameter(sized)
        if diameter is None:
            yield Proposed(1, 1, ())
            return
    views = _views(shape, diameter, network.options.window_ratio, windows)
    clicks = options.clicks if windows else 4 * options.clicks
    unsure = free.copy()
    for done, view in enumerate(views):
        yield Proposed(len(sizing) + done, len(sizing) + len(views))
        for proposal in _in_view(network, frame, view, _grid(view, shape, clicks, unsure), options):
            found.append(proposal)
            if proposal.score >= SURE:
                unsure[proposal.box] &= ~proposal.pixels
    yield Proposed(len(sizing) + len(views), len(sizing) + len(views), tuple(distinct(found, free, options.overlap)))


def _views(shape: Shape, diameter: float | None, ratio: float, windows: bool) -> list[View]:
    if not windows or diameter is None:
        return [View.whole(shape)]
    return tiles(shape, max(scale.SMALLEST_SIDE, ratio * diameter))


def tiles(shape: Shape, side: float) -> list[View]:
    """Windows that cover a frame so that every object of half a window lies whole in one of them."""
    starts = []
    for length in shape:
        count = max(1, math.ceil((length - side) / (OVERLAPPING * side)) + 1)
        first, last = min(side, length) / 2 - 0.5, length - 0.5 - min(side, length) / 2
        starts.append(np.linspace(first, last, count) if count > 1 else np.array([(length - 1) / 2]))
    return list(dict.fromkeys(View.window((y, x), side, shape) for y in starts[0] for x in starts[1]))


def _sizing_views(network: Network, frame: int) -> list[View]:
    """For every size of window those with most contrast, and some others."""
    shape = network.frames.shape
    picture = network.frames.tensor(frame).mean(0).numpy()
    random = np.random.default_rng(0)
    out: list[View] = []
    for side in scale.sides(shape):
        views = tiles(shape, side)
        if len(views) > SIZING_VIEWS:
            contrast = np.array([picture[view.inside(shape)].std() for view in views])
            best = [int(i) for i in np.argsort(-contrast)]
            chosen: list[int] = []
            for index in best:
                centre = views[index].centre
                if all(math.dist(centre, views[other].centre) > side for other in chosen):
                    chosen.append(index)
                if len(chosen) == SIZING_VIEWS - 2:
                    break
            others = [index for index in range(len(views)) if index not in chosen]
            chosen += [int(i) for i in random.choice(others, min(2, len(others)), replace=False)]
            views = [views[index] for index in chosen]
        out += views
    return out


def _grid(view: View, shape: Shape, clicks: int, free: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """(N, 2) places (y, x) of a view that lie in the frame, and on free pixels."""
    steps = (np.arange(clicks) + 0.5) / clicks
    y, x = view.y + steps * view.height - 0.5, view.x + steps * view.width - 0.5
    y, x = y[(y >= 0) & (y <= shape[0] - 1)], x[(x >= 0) & (x <= shape[1] - 1)]
    places = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    if free is not None:
        pixels = places.round().astype(int)
        places = places[free[pixels[:, 0], pixels[:, 1]]]
    return places.astype(np.float32)


def _in_view(
    network: Network, frame: int, view: View, places: NDArray[np.float32], options: ProposeOptions
) -> list[Proposal]:
    """The masks of a view that may be objects, several for one object."""
    if not len(places):
        return []
    shape = network.frames.shape
    out: list[Proposal] = []
    picture = network.frames.tensor(frame).mean(0).numpy()
    with torch.inference_mode():
        for some, answer in network.clicked(frame, view, places, options.batch):
            steady = _stability(answer.logits)
            sure = (answer.ious >= options.least_iou) & (steady >= options.least_stability)
            sure &= answer.object_scores > 0
            scores, masks = (answer.ious * steady)[sure].tolist(), answer.logits[sure].cpu()
            for row, score, logits in zip(torch.nonzero(sure)[:, 0].tolist(), scores, masks, strict=True):
                place = float(some[row, 0]), float(some[row, 1])
                proposal = _cut_out(logits, view, shape, place, score)
                if proposal is not None and _stands_out(proposal, picture) >= options.least_contrast:
                    out.append(proposal)
    return out


def _stands_out(proposal: Proposal, picture: NDArray[np.float32]) -> float:
    """How much the two sides of a mask's rim differ in a (y, x) picture, in standard deviations."""
    width = max(2, round(math.sqrt(proposal.area) / 6))
    rows, columns = proposal.box
    top, left = min(width, rows.start), min(width, columns.start)
    around = picture[rows.start - top : rows.stop + width, columns.start - left : columns.stop + width]
    inside = np.zeros(around.shape, bool)
    inside[top : top + proposal.pixels.shape[0], left : left + proposal.pixels.shape[1]] = proposal.pixels
    inner = around[inside & ~ndimage.binary_erosion(inside, iterations=width)]
    outer = around[ndimage.binary_dilation(inside, iterations=width) & ~inside]
    if not outer.size:
        return 0.0
    return float(abs(inner.mean() - outer.mean()) / (math.sqrt((inner.var() + outer.var()) / 2) + 1e-6))


def _stability(logits: Tensor) -> Tensor:
    inner = (logits > _MASK_DELTA).flatten(2).sum(-1).float()
    outer = (logits > -_MASK_DELTA).flatten(2).sum(-1).float()
    return torch.where(outer > 0, inner / outer.clamp(min=1), 0.0)


def _cut_out(logits: Tensor, view: View, shape: Shape, place: tuple[float, float], score: float) -> Proposal | None:
    """A view's (h, w) mask as pixels of the frame; None when it is cut off by the view's edge, or not one piece."""
    small = (logits > 0).numpy()
    rows, columns = view.inside(shape)
    cut = (
        (small[0].any() and view.y > 0)
        or (small[-1].any() and view.y + view.height < shape[0])
        or (small[:, 0].any() and view.x > 0)
        or (small[:, -1].any() and view.x + view.width < shape[1])
    )
    if cut or not small.any():
        return None
    pixels = view.in_frame(logits[None], shape)[0].numpy() > 0
    pixels = _largest_part(pixels)
    ys, xs = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not len(ys):
        return None
    own = pixels[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    return Proposal(place, rows.start + int(ys[0]), columns.start + int(xs[0]), own.copy(), score)


def _largest_part(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    parts, count = ndimage.label(pixels)
    if count <= 1:
        return pixels
    return np.asarray(parts == 1 + np.bincount(parts.ravel())[1:].argmax())
