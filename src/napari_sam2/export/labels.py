"""Label images as TIFF stacks."""

import os
from typing import Any

import numpy as np
import tifffile

from napari_sam2.files import written_beside

# Above this many bytes, with room for the tags, classic TIFF has no offsets.
CLASSIC_TIFF = 2**32 - 2**25


def write_labels(path: str | os.PathLike[str], labels: Any, *, frame_axis: str = "T") -> None:
    """Write (frames, y, x) labels, 0 = background, as a compressed TIFF stack; one frame is in memory at a time.

    With two letters as `frame_axis`, the labels are (frames, slices, y, x). The pixels are uint16, or uint32 where a
    label is above 65535.

    Args:
        path: the file to write or replace.
        labels: unsigned integers, any array that gives a frame when it is indexed.
        frame_axis: "T", "Z" or "TZ", written into the metadata.

    Raises:
        ValueError: another number of axes, or a negative label.
        OSError: the file cannot be written; what was there before stays.
    """
    if len(labels.shape) != len(frame_axis) + 2:
        raise ValueError(f"got labels of shape {labels.shape}, expected (frames, y, x) for frames along {frame_axis}")
    frames = list(np.ndindex(labels.shape[:-2]))
    largest = max((int(np.max(labels[frame])) for frame in frames), default=0)
    smallest = min((int(np.min(labels[frame])) for frame in frames), default=0)
    if smallest < 0:
        raise ValueError(f"got the label {smallest}, expected 0 (background) or more")
    dtype = np.dtype(np.uint16 if largest < 2**16 else np.uint32)
    with written_beside(path) as file:
        tifffile.imwrite(
            file,
            (np.asarray(labels[frame]).astype(dtype, copy=False) for frame in frames),
            shape=labels.shape,
            dtype=dtype,
            compression="zlib",
            photometric="minisblack",
            metadata={"axes": f"{frame_axis}YX"},
            bigtiff=int(np.prod(labels.shape, dtype=np.int64)) * dtype.itemsize > CLASSIC_TIFF,
        )
