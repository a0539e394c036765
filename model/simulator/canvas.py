"""The frame being drawn: light, and who owns which pixel."""

import numpy as np

from .shapes import Patch


class Canvas:
    """One frame: `image` float32 (size, size), `labels` uint16, and the depth inside its owner of every pixel.

    Where cells press on each other, a pixel goes to the cell in which it lies deeper, so touching cells
    meet along the line between them.
    """

    def __init__(self, size: int, background: np.ndarray | float = 0.0) -> None:
        self.size = size
        self.image = np.zeros((size, size), np.float32)
        self.image += background
        self.labels = np.zeros((size, size), np.uint16)
        self.depth = np.zeros((size, size), np.float32)

    def claim(self, patch: Patch, ident: int, grow: float = 0.0) -> None:
        """Give the cell the pixels that lie deeper in it than in any cell so far; `grow` widens it by pixels."""
        depth = self.depth[patch.box]
        sd = patch.sd + np.float32(grow)
        mine = sd > depth
        depth[mine] = sd[mine]
        self.labels[patch.box][mine] = ident

    def add(self, patch: Patch, light: np.ndarray) -> None:
        """Light adds up, as in fluorescence."""
        self.image[patch.box] += light

    def cover(self, patch: Patch, light: np.ndarray, alpha: np.ndarray) -> None:
        """The newest covers what lies beneath, by its coverage alpha."""
        view = self.image[patch.box]
        view += alpha * (light - view)

    def brighten(self, patch: Patch, light: np.ndarray) -> None:
        """Keep the brighter: touching cells that do not pile up light where they meet."""
        view = self.image[patch.box]
        np.maximum(view, light, out=view)
