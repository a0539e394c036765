"""Image features on the disk, so that a stack that is opened again, or corrected, is not encoded again."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from napari_sam2.files import written_beside
from napari_sam2.sam2 import ImageFeatures
from napari_sam2.sam2.transfer import to_device

ENDING = ".features"


def weights_digest(model: nn.Module) -> str:
    """Short name of the weights and precision that an image is encoded with."""
    digest = hashlib.sha256()
    for name, weight in model.state_dict().items():
        if name.startswith(("image_encoder.", "sam_mask_decoder.conv_s")):
            # A few numbers of every weight tell trained networks apart, and cost nothing.
            some = weight.flatten()[:: max(1, weight.numel() // 16)].float().cpu()
            digest.update(f"{name}{tuple(weight.shape)}{weight.dtype}".encode())
            digest.update(some.numpy().tobytes())
    return digest.hexdigest()[:16]


class FeatureStore:
    """Features by the pixels that they were made of; the longest unused files go first above ``limit`` bytes.

    Args:
        folder: made when something is kept first. Files in it that are not of this store are left alone.
        limit: bytes on the disk.
        weights: :func:`weights_digest` of the network.
    """

    def __init__(self, folder: Path, limit: int, weights: str) -> None:
        self.folder, self.limit, self.weights = folder, limit, weights

    def _file(self, image: Tensor) -> Path:
        pixels = image.detach().cpu().contiguous().view(torch.uint8).numpy()
        digest = hashlib.sha256(f"{self.weights}{tuple(image.shape)}".encode())
        digest.update(pixels.tobytes())
        return self.folder / (digest.hexdigest()[:40] + ENDING)

    def get(self, image: Tensor) -> ImageFeatures | None:
        """Features of a normalised (3, H, W) input, or None."""
        file = self._file(image)
        try:
            # Not by its name: safetensors does not know what torch calls Apple's graphics processors.
            parts = {name: to_device(part, image.device) for name, part in load_file(file).items()}
            features = ImageFeatures(parts["stride16"], parts["stride8"], parts["stride4"])
        except (OSError, SafetensorError, KeyError):  # not there, or damaged: encoded anew and written over
            return None
        with suppress(OSError):  # in a folder that may only be read
            os.utime(file)
        return features

    def put(self, image: Tensor, features: ImageFeatures) -> None:
        """Keep features on the disk. A full or read-only disk costs nothing but the time to encode again."""
        parts = {name: part.detach().cpu().contiguous() for name, part in vars(features).items()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with written_beside(self._file(image)) as beside:
                save_file(parts, beside)
            self._prune()
        except (OSError, SafetensorError):
            return

    def _prune(self) -> None:
        files = [(file, file.stat()) for file in self.folder.glob(f"*{ENDING}")]
        total = sum(status.st_size for _, status in files)
        for file, status in sorted(files, key=lambda item: item[1].st_mtime):
            if total <= self.limit:
                return
            file.unlink(missing_ok=True)
            total -= status.st_size
