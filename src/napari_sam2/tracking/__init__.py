"""Frames in, masks out: the streaming tracker. No napari, no Qt."""

from napari_sam2.tracking.errors import TrackingError
from napari_sam2.tracking.options import TrackerOptions
from napari_sam2.tracking.result import FrameResult
from napari_sam2.tracking.tracker import Tracker

__all__ = ["FrameResult", "Tracker", "TrackerOptions", "TrackingError"]
