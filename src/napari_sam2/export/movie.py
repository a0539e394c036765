"""A film of the result: every frame with coloured objects, their numbers and trails, as GIF or TIFF."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from napari_sam2.export.errors import ExportError
from napari_sam2.export.labels import CLASSIC_TIFF
from napari_sam2.export.measure import Measurements
from napari_sam2.export.overlay import Picture, Position, annotate, panel, stretched
from napari_sam2.export.results import Channel, ExportOptions, Progress, Results, check_flat
from napari_sam2.files import written_beside

WHAT = "a movie"
_SMALLEST, _LARGEST = 320, 1200  # pixels of the longer side
_TRAIL = 15  # frames
_GIF_LIMIT = 1_000  # frames; Pillow keeps all of them in memory until the end


def write_gif(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write an animated GIF of at most 1,200 pixels, repeated for ever.

    Raises:
        ExportError: frames that are volumes, or more than 1,000 of them.
        OSError: the file cannot be written; what was there before stays.
    """
    check_flat(results, WHAT)
    if results.count > _GIF_LIMIT:
        raise ExportError(f"a GIF of {results.count} frames cannot be shown; export a TIFF movie")
    pictures = (Image.fromarray(picture) for picture in _pictures(results, measured, progress))
    first = next(pictures)
    with written_beside(path) as file:
        first.save(
            file,
            format="GIF",
            save_all=True,
            append_images=pictures,
            duration=max(20, round(1000 / options.frames_per_second)),
            loop=0,
        )
    return [path]


def write_tiff(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write an RGB stack.

    Raises:
        ExportError: frames that are volumes.
        OSError: the file cannot be written; what was there before stays.
    """
    check_flat(results, WHAT)
    height, width = _size(results)[::-1]
    with written_beside(path) as file:
        tifffile.imwrite(
            file,
            _pictures(results, measured, progress),
            shape=(results.count, height, width, 3),
            dtype=np.uint8,
            photometric="rgb",
            compression="zlib",
            metadata={"axes": "TYXS"},
            bigtiff=results.count * height * width * 3 > CLASSIC_TIFF,
        )
    return [path]


def _size(results: Results) -> tuple[int, int]:
    """(width, height) of the film: pixels enlarged by whole numbers, or made smaller; square on the screen."""
    height, width = results.frame_shape
    tall, wide = results.pixel_size
    square = (height * max(1.0, tall / wide), width * max(1.0, wide / tall))
    longest = max(square)
    factor = max(1, _SMALLEST // longest) if longest <= _LARGEST else _LARGEST / longest
    return max(1, round(square[1] * factor)), max(1, round(square[0] * factor))


def _pictures(results: Results, measured: Measurements, progress: Progress) -> Iterator[Picture]:
    size = _size(results)
    scale = (size[1] / results.frame_shape[0], size[0] / results.frame_shape[1])
    paths: dict[int, list[tuple[int, Position]]] = {}
    for item, frame, place in zip(measured.object, measured.frame, measured.centroid, strict=True):
        paths.setdefault(int(item), []).append((int(frame), (float(place[0]), float(place[1]))))
    limits = [_limits(channel) for channel in results.channels]
    for index in range(results.count):
        shown = _background(results, index, limits)
        picture = panel(shown, results.frame(index), size)
        annotate(picture, index, scale, _recent(paths, index), ())
        yield np.asarray(picture)
        progress(index + 1, results.count)


def _recent(paths: dict[int, list[tuple[int, Position]]], index: int) -> dict[int, list[tuple[int, Position]]]:
    """The latest steps of the objects; whole paths of hundreds of cells would hide them."""
    near = {item: [step for step in path if index - _TRAIL <= step[0] <= index] for item, path in paths.items()}
    return {item: path for item, path in near.items() if path}


def _limits(channel: Channel) -> tuple[float, float]:
    if channel.limits is not None:
        return channel.limits
    first = np.asarray(channel.frames[0], dtype=np.float64)
    first = first[np.isfinite(first)]
    low, high = np.percentile(first, (1, 99.7)) if first.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-6))


def _background(results: Results, index: int, limits: list[tuple[float, float]]) -> Picture:
    """The channels in their colours, added up; black without an image."""
    mixed: Any = np.zeros((*results.frame_shape, 3), np.float32)
    for channel, (low, high) in zip(results.channels, limits, strict=True):
        grey = stretched(np.asarray(channel.frames[index]), (low, high))
        mixed += grey[..., None] * np.asarray(channel.colour, np.float32)
    shown: Picture = (np.clip(mixed, 0, 1) * 255).astype(np.uint8)
    return shown
