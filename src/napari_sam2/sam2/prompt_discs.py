"""Clicks and boxes drawn as a mask prompt.

A small network trained from scratch takes very long to find a place given as a token only. Drawing the prompt where it
is, through SAM 2's own path for mask prompts, says the same thing a second time in a form that convolutions understand.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_sam2.sam2.prompt_encoder import BOX_END, BOX_START, NEGATIVE, POSITIVE

DISC_LOGIT, BOX_LOGIT = 16.0, 4.0
DISC_SIGMA = 1.5
"""Width of a disc, in cells of 4 input pixels."""
PREVIOUS_LIMIT = 8.0
"""Logits of an earlier answer are kept below the discs, so that a corrective click stands out of them."""


def draw(xy: Tensor, labels: Tensor, previous: Tensor | None, mask_size: int) -> Tensor:
    """Draw prompts over an earlier answer.

    Args:
        xy: (B, N, 2) positions (x, y) in input pixels.
        labels: (B, N), see ``prompt_encoder``.
        previous: (B, 1, mask_size, mask_size) logits of an earlier answer, or None.
        mask_size: side of the mask prompt, in cells of 4 input pixels.

    Returns:
        (B, 1, mask_size, mask_size) logits: positive clicks up, negative ones down, the inside of a box a little up.
    """
    cells = (xy.float() + 0.5) / 4 - 0.5
    line = torch.arange(mask_size, device=xy.device, dtype=torch.float32)
    dx = line - cells[..., 0:1]
    dy = line - cells[..., 1:2]
    sign = (labels == POSITIVE).float() - (labels == NEGATIVE).float()
    fall = -0.5 / DISC_SIGMA**2
    rows, columns = (dy.square() * fall).exp() * sign[..., None], (dx.square() * fall).exp()
    out = DISC_LOGIT * torch.einsum("bnh,bnw->bhw", rows, columns)
    starts, ends = (labels == BOX_START).float(), (labels == BOX_END).float()
    if bool(starts.any()):
        first = (cells * starts[..., None]).sum(1)
        last = (cells * ends[..., None]).sum(1)
        inside_x = torch.sigmoid(2 * (line - first[:, :1])) * torch.sigmoid(2 * (last[:, :1] - line))
        inside_y = torch.sigmoid(2 * (line - first[:, 1:])) * torch.sigmoid(2 * (last[:, 1:] - line))
        box = inside_y[:, :, None] * inside_x[:, None, :]
        # Outside of the box speaks against the object as much as its inside speaks for it.
        out = out + BOX_LOGIT * (2 * box - 1) * starts.amax(1)[:, None, None]
    out = out[:, None]
    return out if previous is None else out + previous.float().clamp(-PREVIOUS_LIMIT, PREVIOUS_LIMIT)
