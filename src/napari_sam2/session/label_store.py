"""Labels of large stacks on the disk: a zarr array that a viewer shows and paints in, as it would a numpy array."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import zarr

TILE = 512


def new_store(folder: Path, title: str, shape: Sequence[int], dtype: Any = np.uint16) -> Any:
    """An empty zarr array in a new folder `<title>-<time>.zarr`. What is not written takes no room on the disk.

    Args:
        folder: is made when it is not there.
        title: what the labels are of; characters that file systems do not like are left out.
        shape: the last two axes are y and x.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^\w.-]+", "-", title).strip("-.")[:60] or "masks"
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    path, number = folder / f"{plain}-{stamp}.zarr", 1
    while path.exists():
        number += 1
        path = folder / f"{plain}-{stamp}-{number}.zarr"
    chunks = (*(1,) * (len(shape) - 2), *(max(1, min(TILE, int(size))) for size in shape[-2:]))
    return zarr.create_array(path, shape=tuple(shape), chunks=chunks, dtype=np.dtype(dtype), fill_value=0)


def store_path(array: Any) -> Path | None:
    """The folder on the disk that an array lies in; None for one in memory or elsewhere."""
    root = getattr(getattr(array, "store", None), "root", None)
    return Path(root) / getattr(array, "path", "") if root is not None else None


def bytes_of(shape: Sequence[int], dtype: Any = np.uint16) -> int:
    """How much memory labels take."""
    return math.prod(int(size) for size in shape) * int(np.dtype(dtype).itemsize)
