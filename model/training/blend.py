"""The weighted mean of two weights, one trained on from the other: ``python -m training.blend BEFORE AFTER SHARE FILE``.

SHARE is that of AFTER. What was trained on knows the simulated world better and real recordings, which it never saw, a
little worse; in between both are kept (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file


def blend(before: Path, after: Path, share: float, target: Path) -> None:
    """Mix in single precision, keep the type of AFTER; written beside and renamed.

    Raises ValueError for a share outside 0 to 1, or weights of other names or shapes.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"got a share of {share}, expected 0 to 1")
    old, new = load_file(before), load_file(after)
    if {name: value.shape for name, value in old.items()} != {name: value.shape for name, value in new.items()}:
        raise ValueError(f"{before} and {after} are weights of different networks")
    with safe_open(after, "pt") as file:
        metadata = file.metadata()
    mixed = {name: torch.lerp(old[name].float(), value.float(), share).to(value.dtype) for name, value in new.items()}
    beside = target.with_suffix(".tmp")
    save_file(mixed, beside, metadata=metadata)
    os.replace(beside, target)


if __name__ == "__main__":
    blend(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
