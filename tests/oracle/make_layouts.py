"""Write tests/golden/layouts.json: for each published variant, the names and shapes of Meta's state dict as a digest.

    python tests/oracle/make_layouts.py

Needs an environment with sam2==1.1.0.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from parity import meta
from parity.cases import VARIANTS
from parity.layout import describe

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def main() -> None:
    """Describe all eight."""
    layouts = {}
    for variant in VARIANTS:
        network = meta.empty(variant, 1024)
        trainable = sum(p.numel() for p in network.parameters())
        layouts[variant] = describe({k: tuple(v.shape) for k, v in network.state_dict().items()}, trainable)
    (GOLDEN / "layouts.json").write_text(json.dumps(layouts, indent=2) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
