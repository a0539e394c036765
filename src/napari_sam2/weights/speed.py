"""How fast this computer is, measured once with networks of random weights: a few seconds."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from napari_sam2.sam2 import PRESETS, Memory, Sam2
from napari_sam2.weights.costs import YARD, YARD_SIDE, Rate, known_rate, remember_rate
from napari_sam2.weights.load import choose_device
from napari_sam2.weights.registry import BUNDLED
from napari_sam2.wording import counted

_REPEATS = (2, 10)  # at least and at most, of which the fastest counts: the others were disturbed
_SECONDS = 1.5  # after which no more than the least number of repeats is made


def measured_rate(device: str = "auto", *, again: bool = False) -> Rate:
    """The rate of this computer, from an earlier measurement or measured now and remembered.

    Raises:
        ModelError: the device is not available.
    """
    known = None if again else known_rate(device)
    if known is not None:
        return known
    rate = measure(choose_device(device))
    remember_rate(device, rate)
    return rate


@torch.inference_mode()
def measure(device: torch.device) -> Rate:
    """Time the yardstick and `micro` on a device."""
    encode, track = _timed(YARD, YARD_SIDE, device)
    look, follow = _timed(BUNDLED, PRESETS[BUNDLED].image_size, device)
    return Rate(describe(device), encode, track, look + follow)


def describe(device: torch.device) -> str:
    """A device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple graphics"
    threads = torch.get_num_threads()
    return f"processor, {counted(threads, 'thread')}"


def _timed(variant: str, side: int, device: torch.device) -> tuple[float, float]:
    """Seconds to look at a frame, and to follow an object in it with a full memory."""
    config = replace(PRESETS[variant], image_size=side)
    model = Sam2(config).eval().to(device)
    images = torch.zeros(1, 3, side, side, device=device)
    cells = config.feature_size
    maps = [torch.zeros(1, config.memory_width, cells, cells, device=device) for _ in range(config.memories)]
    pointers = [torch.zeros(1, config.width, device=device) for _ in range(config.max_pointers)]
    times = [float(distance) for distance in range(1, config.max_pointers + 1)]
    memory = Memory(maps, list(range(config.memories)), pointers, times, config.max_pointers)
    features = model.encode_image(images)

    def follow() -> None:
        found = model.segment(model.condition(features, memory), features, several=True)
        model.encode_memory(features, found.best_logits, found.object_scores, prompted=False)

    return _fastest(lambda: model.encode_image(images), device), _fastest(follow, device)


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    least, most = _REPEATS
    taken: list[float] = []
    while len(taken) < least or (len(taken) < most and sum(taken) < _SECONDS):
        _wait(device)
        started = time.perf_counter()
        work()
        _wait(device)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _wait(device: torch.device) -> None:
    """Until a graphics card has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
