"""SAM 2 (Ravi et al. 2024) in PyTorch: one file per component, stateless calls, frozen configs."""

from napari_sam2.sam2.checkpoint import CheckpointError, load_state
from napari_sam2.sam2.config import ModelConfig
from napari_sam2.sam2.model import ImageFeatures, Memory, Sam2, Segmentation
from napari_sam2.sam2.presets import PRESETS

__all__ = ["PRESETS", "CheckpointError", "ImageFeatures", "Memory", "ModelConfig", "Sam2", "Segmentation", "load_state"]
