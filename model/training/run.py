"""A training run: what is kept of it, its schedule, and several processes that train together."""

from __future__ import annotations

import argparse
import logging
import math
import os
import random
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch
from safetensors.torch import load_file

from napari_sam2.sam2 import Sam2, load_state
from training.batches import stream
from training.losses import DenseHead
from training.sizes import SIZES, grow
from training.steps import clip_step, image_step

log = logging.getLogger("training")
LOCAL_BIAS = 3.0
"""A neighbouring token starts with a sixth of the attention, one two steps away with almost none."""


class Run:
    """Everything that a resumed training needs: weights, their running mean, optimiser, steps and minutes spent."""

    def __init__(self, out: Path, rate: float, start: Path | None = None, size: str = "micro") -> None:
        self.path = out / "last.pt"
        torch.manual_seed(0)
        self.model = Sam2(SIZES[size]).to(memory_format=torch.channels_last)
        for block in self.model.memory_encoder.fuser.layers:
            block.gamma.data.fill_(0.1)  # the published start value of 1e-6 would take too long to wake up
        for layer in self.model.memory_attention.layers:
            # Equal biases of queries and keys make rotary attention start as a look at the same place in every memory.
            layer.cross_attn_image.q_proj.bias.data.fill_(LOCAL_BIAS)
            layer.cross_attn_image.k_proj.bias.data.fill_(LOCAL_BIAS)
        # A mask prompt starts as the logits of its mean over 4 x 4 pixels.
        self.model.mask_downsample.weight.data.fill_(20 / 16)
        self.model.mask_downsample.bias.data.fill_(-10)
        if start is not None:
            load_state(self.model, grow(load_file(start), SIZES[size]), size)
        self.head = DenseHead(self.model.config.width)
        self.parts = torch.nn.ModuleDict({"model": self.model, "head": self.head})
        self.mean = {k: v.clone() for k, v in self.model.state_dict().items()}
        decayed = [p for p in self.parts.parameters() if p.ndim > 1]
        others = [p for p in self.parts.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
        self.step, self.seconds = 0, 0.0
        if self.path.exists():
            kept = torch.load(self.path, weights_only=True)
            self.parts.load_state_dict(kept["parts"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.mean, self.step, self.seconds = kept["mean"], kept["step"], kept["seconds"]
            log.info("resumed at step %d, %.1f minutes", self.step, self.seconds / 60)

    def average(self) -> None:
        """Move the running mean towards the present weights."""
        keep = min(0.998, 1 - 10 / (self.step + 20))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.mean[name].lerp_(value, 1 - keep)

    def save(self) -> None:
        state = {
            "parts": self.parts.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "mean": self.mean,
            "size": self.model.config.name,
            "step": self.step,
            "seconds": self.seconds,
        }
        beside = self.path.with_suffix(".tmp")
        torch.save(state, beside)
        os.replace(beside, self.path)


def rate_at(progress: float, step: int, highest: float) -> float:
    """Warm-up over 100 steps, flat, then a cosine to zero over the last 60 % of the time."""
    fall = 1.0 if progress < 0.4 else 0.5 * (1 + math.cos(math.pi * (progress - 0.4) / 0.6))
    return highest * min(1.0, (step + 1) / 100) * max(fall, 0.004)


def together(options: argparse.Namespace) -> None:
    """Train in ``options.processes`` processes, each with batches of its own, on the mean of their gradients."""
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder, "meeting").as_uri()
        torch.multiprocessing.spawn(_join, (meeting, options), options.processes)


def _join(rank: int, meeting: str, options: argparse.Namespace) -> None:
    """One of several processes that train one network; they find each other through the file ``meeting``."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", meeting, world_size=options.processes, rank=rank)
    train(rank, options)
    torch.distributed.destroy_process_group()


def share_gradients(parameters: list[torch.nn.Parameter], seconds: float) -> float:
    """Give every process the mean of all gradients; returns the mean of their ``seconds``, in one exchange."""
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([*(g.flatten() for g in grads), torch.tensor([seconds])])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for parameter, part in zip(parameters, flat[:-1].split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)
    return float(flat[-1])


def train(rank: int, options: argparse.Namespace) -> None:
    """Train until the minutes are over. Only the first process (``rank`` 0) writes the log and checkpoints."""
    if rank == 0:
        handlers = [logging.StreamHandler(), logging.FileHandler(options.out / "log.txt")]
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    run = Run(options.out, options.rate, options.start, options.size)
    parameters, side = list(run.parts.parameters()), run.model.config.image_size
    seed = options.seed + run.step + 10_000_000 * rank
    images, short, long = stream(seed, 6, 1, 6), stream(seed + 1, 3, 4, 4), None
    sums: dict[str, list[float]] = defaultdict(list)
    torch.manual_seed(seed)
    tick, worked = time.monotonic(), time.process_time()
    spent = 0.0
    while (progress := run.seconds / (60 * options.minutes)) < 1:
        if long is None and progress > 0.5:
            long = stream(seed + 2, 2, 8, 3)
        for group in run.optimiser.param_groups:
            group["lr"] = rate_at(progress, run.step, options.rate)
        turn, rest = divmod(run.step, options.clips_every)
        clips = progress > options.images_only and rest == options.clips_every - 1
        with torch.autocast("cpu", torch.bfloat16):
            if clips:
                source = long if long is not None and turn % 2 == 0 else short
                loss, verdict = clip_step(run.model, run.head, next(source).resized(side))
            else:
                # Drawn from the step, so that processes that work together do the same amount.
                rounds = 1 if run.step < 200 else random.Random(options.seed + run.step).randint(1, 3)
                loss, verdict = image_step(run.model, run.head, next(images).resized(side), rounds)
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if options.processes > 1:
            run.seconds += share_gradients(parameters, spent)
        else:
            run.seconds += spent
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        run.optimiser.step()
        run.step += 1
        run.average()
        now, busy = time.monotonic(), time.process_time()
        # Time of work, not of waiting: what else the machine does must not shorten the schedule.
        spent = min((busy - worked) / torch.get_num_threads(), now - tick)
        whole, tick, worked = now - tick, now, busy
        kind = "clip" if clips else "image"
        for name, value in (
            ("loss", loss),
            ("single", verdict.single),
            ("chosen", verdict.chosen),
            ("best", verdict.best),
        ):
            sums[f"{kind} {name}"].append(float(value.detach().float().mean()))
        sums[f"{kind} s"].append(whole)
        if run.step % 50 == 0:
            means = "  ".join(f"{name} {sum(v) / len(v):.3f}" for name, v in sorted(sums.items()))
            log.info("step %d  %.1f min  %s", run.step, run.seconds / 60, means)
            sums.clear()
        if run.step % 100 == 0 and rank == 0:
            run.save()
    if rank == 0:
        run.save()
    log.info("done at step %d", run.step)
