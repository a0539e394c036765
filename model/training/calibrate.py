"""Teach trained weights how sure to be: ``python -m training.calibrate FILE FILE``, what is read and what is written.

Training sees objects in windows that are cut right; the tracker chooses its windows itself and goes on from its own
answers. Here the tracker is run on simulated scenes that neither training nor evaluation draws, and the last layers of
the heads that predict the IoU and the presence are scaled and shifted, so that what they say is what comes out. The
choice among the candidates of a click stays as it is: all three are changed alike.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from evaluation.scores import Answer, image_answers, tracked_answers
from evaluation.stacks import simulated
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize
from simulator import KINDS
from torch import Tensor

import napari_sam2 as ns
from napari_sam2.tracking.rivals import ABSENT_SCORE
from training.sizes import register

SEED, SCENES = 19_690_720, 3
IOU, SCORE = "sam_mask_decoder.iou_prediction_head.layers.2", "sam_mask_decoder.pred_obj_score_head.layers.2"
SINGLE, CANDIDATES = slice(0, 1), slice(1, 4)
"""Outputs for the one mask of a box or of several clicks, and for the three of a click or of tracking."""


def fit(said: NDArray[np.floating], real: NDArray[np.floating]) -> tuple[float, float]:
    """Scale and shift of the logits ``said``, so that their sigmoid is ``real`` (0 to 1) in the mean; scale > 0."""

    def loss(parameters: NDArray[np.floating]) -> float:
        z = np.exp(parameters[0]) * said + parameters[1]
        return float(np.mean(np.logaddexp(0, z) - real * z))

    found = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return float(np.exp(found[0])), float(found[1])


def fold(state: dict[str, Tensor], layer: str, rows: slice, scale: float, shift: float) -> None:
    """Make some outputs of a linear layer ``scale`` times as large, plus ``shift``; in place."""
    weight, bias = (state[f"{layer}.{name}"].float() for name in ("weight", "bias"))
    weight[rows] *= scale
    bias[rows] = bias[rows] * scale + shift
    state[f"{layer}.weight"], state[f"{layer}.bias"] = weight.half(), bias.half()


def _logits(answers: Sequence[Answer]) -> NDArray[np.floating]:
    said = np.clip([a.predicted for a in answers], 1e-4, 1 - 1e-4)
    out: NDArray[np.floating] = np.log(said / (1 - said))
    return out


def calibrate(source: Path, target: Path) -> None:
    """Read weights, run them, write them calibrated: beside, and renamed."""
    model = ns.load_model(str(source))
    single: list[Answer] = []
    several: list[Answer] = []
    followed: list[Answer] = []
    for kind in KINDS:
        for stack in simulated(kind, SEED, SCENES):
            single += image_answers(model, stack, "box")
            several += image_answers(model, stack, "click")
            followed += [a for a in tracked_answers(model, stack, "click") if a.frame > 0]
    several += [a for a in followed if a.there and a.score > 0]
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
    state = load_file(source)
    for rows, answers in ((SINGLE, single), (CANDIDATES, several)):
        scale, shift = fit(_logits(answers), np.array([a.iou for a in answers]))
        fold(state, IOU, rows, scale, shift)
        print(f"predicted IoU, {len(answers)} masks: {scale:.3f} x {shift:+.3f}")
    # What gave way to a rival says nothing of the head.
    seen = [a for a in followed if a.score != ABSENT_SCORE]
    scale, shift = fit(np.array([a.score for a in seen]), np.array([float(a.there) for a in seen]))
    fold(state, SCORE, slice(None), scale, shift)
    gone = sum(not a.there for a in seen)
    print(f"object score, {len(seen)} object-frames, {gone} absent: {scale:.3f} x {shift:+.3f}")
    beside = target.with_suffix(".tmp")
    save_file(state, beside, metadata=metadata)
    os.replace(beside, target)


if __name__ == "__main__":
    register()
    calibrate(Path(sys.argv[1]), Path(sys.argv[2]))
