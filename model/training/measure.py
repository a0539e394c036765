"""What weights are worth on simulated windows, and what they cost: ``python -m training.measure FILE...``.

Windows are those of training, of a seed that no training has, and the same for all files, so that small differences
between sizes count. The tracker is not asked: it measures the network alone. Times are medians of one thread, taken in
turns.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

import napari_sam2 as ns
from napari_sam2.sam2 import ImageFeatures, Sam2
from napari_sam2.sam2.image_input import local_contrast
from napari_sam2.sam2.precision import mixed
from training.batches import Batch, Clips
from training.losses import DenseHead, judge
from training.sizes import register
from training.steps import Remembered, clip_step, encode, first_prompts, recall, remember

SEED, IMAGES, CLIPS, ROUNDS = 20_260_102, 150, 40, 15


HEAD = "| weights | size | parameters | one click | best of its three | one box | followed | look | look and follow |"


def batches(frames: int, clips: int, objects: int, count: int, side: int) -> Iterator[Batch]:
    """The same ``count`` batches at every call, in windows of ``side`` pixels."""
    source = Clips(SEED, clips, frames, objects)
    rng = np.random.default_rng([SEED, frames])
    for _ in range(count):
        yield source.draw(rng).resized(side)


def quality(model: Sam2) -> dict[str, float]:
    """Mean IoU of the chosen of a click's three masks and of the best of them, of the single mask of a box, and of
    the masks that are followed through clips; computed as in training, without its last step."""
    found: dict[str, list[Tensor]] = {"click": [], "best": [], "box": [], "clip": []}
    head, side = DenseHead(model.config.width), model.config.image_size
    torch.manual_seed(SEED)
    for batch in batches(1, 6, 6, IMAGES, side):
        features = encode(model, batch.images[:, 0])[0][batch.owner]
        image, target = model.without_memory(features), batch.masks[:, :1]
        everything = torch.ones(len(target), dtype=torch.bool)
        for boxes in (False, True):
            prompts = first_prompts(batch, float(boxes))
            verdict = judge(model.decode(image, features, prompts.xy, prompts.labels), target, everything, everything)
            if boxes:
                found["box"].append(verdict.single.detach())
            else:
                found["click"].append(verdict.chosen.detach())
                found["best"].append(verdict.best.detach())
    for batch in batches(8, 2, 3, CLIPS, side):
        found["clip"].append(clip_step(model, head, batch, correct=0)[1].chosen.detach())
    return {name: float(torch.cat(values).float().mean()) for name, values in found.items()}


@torch.inference_mode()
def seconds(models: list[Sam2]) -> list[tuple[float, float]]:
    """Of each network: looking at a window, and that and following an object in it from seven remembered frames; the
    heavy parts in half precision, as the tracker has them."""
    models = [mixed(model, torch.bfloat16) for model in models]
    scenes = [next(batches(8, 1, 1, 1, model.config.image_size)) for model in models]
    taken: list[list[tuple[float, float]]] = [[] for _ in models]
    pasts = []
    for model, batch in zip(models, scenes, strict=True):
        past: list[Remembered] = []
        for frame in range(7):
            features = _look(model, batch, frame)
            decoded = model.decode(model.without_memory(features), features, *_click(batch))
            past.append(remember(model, features, decoded, frame, True, frame == 0))
        pasts.append(past)
    for _ in range(ROUNDS):
        for times, model, batch, past in zip(taken, models, scenes, pasts, strict=True):
            begin = time.perf_counter()
            features = _look(model, batch, 7)
            looked = time.perf_counter()
            decoded = model.decode(model.condition(features, recall(model, past, 7)), features)
            remember(model, features, decoded, 7, True, False)
            times.append((looked - begin, time.perf_counter() - begin))
    return [(median(t[0] for t in times), median(t[1] for t in times)) for times in taken]


def _look(model: Sam2, batch: Batch, frame: int) -> ImageFeatures:
    return model.encode_image(local_contrast(batch.images[:, frame]).to(model.dtype))


def _click(batch: Batch) -> tuple[Tensor, Tensor]:
    prompts = first_prompts(batch, 0)
    return prompts.xy, prompts.labels


def main() -> None:
    register()
    torch.set_num_threads(1)
    files = [Path(name) for name in sys.argv[1:]]
    models = [ns.load_model(file).to(memory_format=torch.channels_last) for file in files]
    costs = seconds(models)
    with torch.autocast("cpu", torch.bfloat16):
        print(HEAD)
        print("|---|---|---|---|---|---|---|---|---|", flush=True)
        for file, model, (look, follow) in zip(files, models, costs, strict=True):
            count = sum(p.numel() for p in model.parameters())
            scores = " | ".join(f"{value:.4f}" for value in quality(model).values())
            which = f"{file.stem} | {model.config.name} | {count / 1e6:.2f} M"
            print(f"| {which} | {scores} | {1000 * look:.1f} ms | {1000 * follow:.1f} ms |", flush=True)


if __name__ == "__main__":
    main()
