"""Which intensities become black and white, said once for a whole stack. Knows no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.errors import TrackingError

ContrastKind = Literal["auto", "limits", "percentiles", "frame"]

GAMMAS = (0.05, 20.0)
"""Beyond these a picture is black or white."""


@dataclass(frozen=True)
class Contrast:
    """How intensities become the range from 0 (black) to 1 (white) that a model sees.

    x = (intensity - low) / (high - low), then x ** gamma, then 1 - x where inverted. What lies outside of the limits
    stays outside: models with a fixed range clip it, `micro` looks at the local contrast of each window anyway.

    Raises:
        TrackingError: a value that cannot be used.
    """

    kind: ContrastKind = "auto"
    """Where (low, high) come from. "limits": as given. "percentiles": of frames sampled over the whole stack. "frame":
    percentiles of each frame by itself, for stacks that bleach. "auto": colour of 8 bits and booleans as they are,
    percentiles for everything else."""
    limits: tuple[float, float] | None = None
    """(low, high), for the kind "limits" only."""
    percentiles: tuple[float, float] = (1.0, 99.8)
    """Shares of the pixels, 0 to 100, that are as dark as low, and as high."""
    gamma: float = 1.0
    """Below 1 lifts what is dim, above 1 pushes it down; the same as the gamma of a napari layer."""
    invert: bool = False
    """Dark objects on a light ground become light ones on a dark ground."""

    def __post_init__(self) -> None:
        """Refuse what cannot be used."""
        if self.kind not in get_args(ContrastKind):
            raise TrackingError(f"got the contrast {self.kind!r}, expected one of {', '.join(get_args(ContrastKind))}")
        if (self.kind == "limits") != (self.limits is not None):
            raise TrackingError(f"got contrast limits {self.limits} for the kind {self.kind!r}; give them for 'limits'")
        if self.limits is not None and not (np.isfinite(self.limits).all() and self.limits[0] < self.limits[1]):
            raise TrackingError(f"got contrast limits {self.limits}, expected two finite numbers, the lower first")
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise TrackingError(f"got percentiles {self.percentiles}, expected two numbers from 0 to 100, low first")
        if not GAMMAS[0] <= self.gamma <= GAMMAS[1]:
            raise TrackingError(f"got gamma {self.gamma}, expected a number from {GAMMAS[0]} to {GAMMAS[1]}")

    @classmethod
    def between(cls, low: float, high: float, *, gamma: float = 1.0, invert: bool = False) -> Contrast:
        """These limits for the whole stack."""
        return cls("limits", (float(low), float(high)), gamma=gamma, invert=invert)

    def limits_of(self, samples: Iterable[NDArray[Any]]) -> tuple[float, float]:
        """(low, high) by percentiles of some intensities; always two different numbers, the lower first."""
        found = [values[np.isfinite(values)] for values in (np.asarray(part, np.float64) for part in samples)]
        pooled = np.concatenate(found) if found else np.zeros(0)
        if not pooled.size:
            return 0.0, 1.0
        low, high = np.percentile(pooled, self.percentiles).tolist()
        if low == high:  # hardly anything but background
            low, high = float(pooled.min()), float(pooled.max())
        return (low, high) if high > low else (low, low + max(1.0, abs(low) * 1e-3))

    def bend(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Gamma and inversion of intensities that are 0 and 1 at the limits; may write into them."""
        if self.gamma != 1:
            # Below black there is nothing to lift; above white the curve goes on for a while.
            scaled = np.clip(scaled, 0, 4, out=scaled)
            scaled = np.power(scaled, np.float32(self.gamma), out=scaled)
        return np.subtract(1, scaled, out=scaled) if self.invert else scaled


AUTO = Contrast()
"""What serves most stacks."""
