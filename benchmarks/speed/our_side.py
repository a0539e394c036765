"""napari-sam2, on the weights and frames of Meta's side."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from frames import frames, masks, places
from parity import ours
from server import serve

import napari_sam2 as ns
from napari_sam2.sam2.precision import mixed, quick_dtype
from napari_sam2.sam2.products import linear

VARIANT, BIAS = "sam2.1_hiera_tiny", 10.0  # objects are always found present
STACK = frames(20)
MODEL = ours.build(VARIANT, 1024, BIAS)
MODEL.quick_dtype = quick_dtype(MODEL.device)
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def options(view: str, precision: str) -> ns.TrackerOptions:
    """Of the reference (view "frame") or the default ones, in float32 or in what the device is quickest in."""
    base = ns.TrackerOptions.reference() if view == "frame" else ns.TrackerOptions()
    return replace(base, precision="float32" if precision == "float32" else "auto")


def network(precision: str) -> torch.nn.Module:
    return MODEL if precision == "float32" else mixed(MODEL, TYPES[precision])


def rates() -> dict[str, float]:
    """GFLOP/s of a product of matrices, torch's own by type and ours in float32, and the GFLOP of an encoding."""
    from torch.utils.flop_counter import FlopCounterMode

    found = {}
    for name, dtype in TYPES.items():
        a, b = torch.rand(4096, 2048).to(dtype), torch.rand(4096, 2048).to(dtype)
        found[name] = rate(F.linear, a, b)
        if dtype == torch.float32:
            found["ours"] = rate(linear, a, b)
    with FlopCounterMode(display=False) as counter:
        MODEL.encode_image(torch.rand(1, 3, 1024, 1024))
    found["encoding"] = counter.get_total_flops() / 1e9
    return found


def rate(product: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], a: torch.Tensor, b: torch.Tensor) -> float:
    """GFLOP/s of a product of (M, K) by (N, K), the best of five."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        product(a, b)
        times.append(time.perf_counter() - begin)
    return 2 * len(a) * a.shape[1] * len(b) / min(times) / 1e9


def encode(precision: str) -> float:
    model = network(precision)
    image = torch.rand(1, 3, 1024, 1024).to(model.dtype)
    begin = time.perf_counter()
    model.encode_image(image)
    return time.perf_counter() - begin


def click(precision: str, model: str = VARIANT) -> list[float]:
    """Seconds of a first click in an image, and of one more with the features at hand."""
    net = MODEL if model == VARIANT else ns.load_model(model, device="cpu")
    tracker = ns.Tracker(net, STACK[:1], replace(ns.TrackerOptions(), precision=options("auto", precision).precision))
    y, x = places(1)[0]
    spent = []
    for place in ([y, x], [y, x + 9]):
        begin = time.perf_counter()
        tracker.add_points(1, 0, [place])
        _ = tracker.predict(0).labels
        spent.append(time.perf_counter() - begin)
    return spent


def track(objects: int, view: str, precision: str) -> float:
    """Seconds of one frame, encoding included, for objects with seven memories and sixteen pointers each."""
    tracker = ns.Tracker(MODEL, STACK[:2], options(view, precision))
    for number, mask in enumerate(masks(objects), start=1):
        tracker.add_mask(number, 0, mask)
    things = tracker.wanted()
    with torch.inference_mode():
        for thing in things:
            tracker.prepare(thing, 0)
        begin = time.perf_counter()
        tracker.look_ahead(things)
        return time.perf_counter() - begin


def hela(data: str) -> dict[str, float]:
    """All cells of the first HeLa frame through 20 frames with `micro`: from the first click to the last mask."""
    import numpy as np
    from evaluation.recordings import deepest, link, load
    from evaluation.scores import iou

    recording = load("HeLa", Path(data))
    tracks = link(recording.masks)
    clicks = [deepest(recording.masks[0] == track[0]) for track in tracks]
    model = ns.load_model("micro", device="cpu")
    begin = time.perf_counter()
    tracker = ns.Tracker(model, recording.images)
    for number, place in enumerate(clicks, start=1):
        tracker.add_points(number, 0, [place])
    results = [result.labels for result in tracker.propagate(direction="forward")]
    seconds = time.perf_counter() - begin
    found = [
        iou(labels == number, recording.masks[frame] == track[frame])
        for frame, labels in enumerate(results)
        for number, track in enumerate(tracks, start=1)
        if frame < len(track)
    ]
    return {"seconds": seconds, "cells": len(tracks), "iou": float(np.mean(found))}


if __name__ == "__main__":
    with torch.inference_mode():
        serve({"rates": rates, "encode": encode, "click": click, "track": track, "hela": hela})
