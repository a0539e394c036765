"""Simulated microscopy with exact labels: what the bundled network is trained on.

`sample_clip` draws one short recording as seen through a window around a cell; see `kinds` for what is imitated.
Needs numpy and scipy.ndimage only.
"""

from .clip import KINDS, Clip, sample_clip

__all__ = ["KINDS", "Clip", "sample_clip"]
