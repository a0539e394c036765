"""A state dict's names and shapes, reduced to what a small file can hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def describe(shapes: Mapping[str, tuple[int, ...]], parameters: int) -> dict[str, int | str]:
    """Number of keys, number of parameters, and a digest of all names and shapes."""
    lines = "\n".join(f"{key} {'x'.join(map(str, shape))}" for key, shape in sorted(shapes.items()))
    return {"keys": len(shapes), "parameters": parameters, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
