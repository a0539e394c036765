"""Outlines of cells as signed distances inside the cell's bounding box: positive inside, in pixels."""

from dataclasses import dataclass

import numpy as np

TABLE = 256  # angles at which a radial outline is stored


@dataclass
class Patch:
    """A cell's box in the frame: `sd` (h, w) signed distance; (v, u) the cell's own coordinates, -1 to 1 inside."""

    box: tuple[slice, slice]
    sd: np.ndarray
    v: np.ndarray
    u: np.ndarray


def box_grid(cy: float, cx: float, half: float, size: int) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray] | None:
    """Offsets (dy column, dx row) from a centre over the part of its box inside the frame; None when there is none."""
    y0, y1 = max(0, int(cy - half)), min(size, int(cy + half) + 2)
    x0, x1 = max(0, int(cx - half)), min(size, int(cx + half) + 2)
    if y1 - y0 < 1 or x1 - x0 < 1:
        return None
    dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(cy)
    dx = np.arange(x0, x1, dtype=np.float32)[None] - np.float32(cx)
    return (slice(y0, y1), slice(x0, x1)), dy, dx


def radial_profile(amplitude: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Outline radius over TABLE angles from Fourier terms of orders 2, 3, ...; the area stays that of the unit disc."""
    theta = np.linspace(0, 2 * np.pi, TABLE, endpoint=False, dtype=np.float32)
    orders = np.arange(2, 2 + len(amplitude), dtype=np.float32)[:, None]
    wave = (amplitude[:, None] * np.cos(orders * theta + phase[:, None])).sum(0)
    profile = np.clip(1 + wave, 0.35, 2.0)
    return (profile / np.sqrt(np.mean(profile**2))).astype(np.float32)


def radial(
    centre: tuple[float, float], radius: float, aspect: float, angle: float, profile: np.ndarray, size: int, rim: float
) -> Patch | None:
    """A star-shaped cell: an ellipse (aspect = long / short) modulated by `profile`; the box has `rim` pixels extra."""
    rx, ry = radius * np.sqrt(aspect), radius / np.sqrt(aspect)
    grid = box_grid(*centre, max(rx, ry) * float(profile.max()) + rim, size)
    if grid is None:
        return None
    box, dy, dx = grid
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u = (c * dx + s * dy) / np.float32(rx)
    v = (c * dy - s * dx) / np.float32(ry)
    rho = np.sqrt(u * u + v * v) + np.float32(1e-6)
    index = (np.arctan2(v, u) * np.float32(TABLE / (2 * np.pi))).astype(np.int32) % TABLE
    slope = np.sqrt((u / np.float32(rx)) ** 2 + (v / np.float32(ry)) ** 2) / rho
    sd = (profile[index] - rho) / np.maximum(slope, np.float32(1 / max(rx, ry)))  # at the centre the slope is 0 / 0
    return Patch(box, sd, v, u)


def capsule(
    centre: tuple[float, float], length: float, width: float, angle: float, bend: float, size: int, rim: float
) -> Patch | None:
    """A rod with round ends, bent to a parabola (`bend` = sagitta / length); u runs -1 to 1 along it, v across."""
    half = max(length - width, 0.0) / 2
    grid = box_grid(*centre, half + width + rim, size)
    if grid is None:
        return None
    box, dy, dx = grid
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = c * dx + s * dy
    across = c * dy - s * dx
    reach = np.float32(max(half + width / 2, 1.0))
    across = across - np.float32(bend * length) * (1 - 2 * np.minimum((along / reach) ** 2, 2))
    beyond = np.maximum(np.abs(along) - np.float32(half), 0)
    sd = np.float32(width / 2) - np.sqrt(beyond * beyond + across * across)
    return Patch(box, sd, across / np.float32(width / 2), along / reach)


def add_arms(patch: Patch, radius: float, arms: np.ndarray) -> None:
    """Widen a radial patch by tapering, curved processes in place; arms (n, 4): angle, length, width, curvature.

    Lengths and widths are in cell radii, angles in the cell's own frame; the box must have been made large enough.
    """
    for angle, length, width, curve in arms:
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        along = c * patch.u + s * patch.v
        across = c * patch.v - s * patch.u - np.float32(curve) * along * along
        taper = np.float32(width) * (1 - np.float32(0.75 / length) * along)
        beyond = np.maximum(np.maximum(along - np.float32(length), -along), 0)
        sd = np.float32(radius) * (taper - np.abs(across) - beyond)
        np.maximum(patch.sd, sd, out=patch.sd)


def soft(sd: np.ndarray, edge: float) -> np.ndarray:
    """Coverage 0 to 1 across an edge about `edge` pixels wide, half at the outline."""
    t = np.clip(sd / np.float32(edge) + np.float32(0.5), 0, 1)
    return t * t * (3 - 2 * t)
