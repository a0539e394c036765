"""Write the averaged weights of a run as the bundled file: ``python -m training.export RUN/last.pt FILE``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from napari_sam2.sam2 import Sam2, load_state
from training.sizes import SIZES


def export(checkpoint: Path, target: Path) -> None:
    """Half precision, strictly by name; written beside and renamed."""
    kept = torch.load(checkpoint, weights_only=True)
    mean, size = kept["mean"], kept["size"]
    load_state(Sam2(SIZES[size]), mean, size)
    state = {name: value.half().contiguous() for name, value in mean.items()}
    beside = target.with_suffix(".tmp")
    save_file(state, beside, metadata={"format": "napari-sam2", "variant": size})
    os.replace(beside, target)


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
