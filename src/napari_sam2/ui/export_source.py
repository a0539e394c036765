"""What is in the layers as results to export: the labels, their sizes, and the images that go with them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from napari_sam2.export.calibration import Calibration
from napari_sam2.export.file_calibration import from_sizes
from napari_sam2.export.results import Channel, Results
from napari_sam2.result_sources import Cut, cut_of
from napari_sam2.session.places import Plane
from napari_sam2.ui.geometry import axis_name, image_shape, pixels_of, placed
from napari_sam2.ui.workspace import ViewerLike, Workspace


def calibration(layer: Any, cut: Cut) -> Calibration:
    """Sizes and places of a layer's pixels and frames; a layer has a scale, a unit and a place for every axis.

    Args:
        layer: with the attributes of a napari layer: scale, translate, rotate, shear, affine, units.
    """
    letters = cut.letters
    scale, translate, turned = placed(layer)
    sizes = {
        letter: (float(scale[axis]), str(layer.units[axis])) for letter, axis in zip(letters, cut.axes, strict=True)
    }
    origins = {letter: float(translate[axis]) for letter, axis in zip(letters, cut.axes, strict=True)}
    found = from_sizes(sizes, cut.letter, origins, volumes=cut.depth is not None)
    return replace(found, turned=turned)


def channels(images: Sequence[Image], cut: Cut) -> tuple[Channel, ...]:
    """The images as channels, in the colours in which napari shows them; of an RGB image three."""
    found: list[Channel] = []
    for image in images:
        data = pixels_of(image)
        if image.rgb:
            if cut.depth is None:
                stack = cut.of(data, rgb=True)
                found += [Channel(f"{image.name} {name}", _Sample(stack, place), colour, _rgb_limits(data.dtype))
                          for place, (name, colour) in enumerate(_RGB)]  # fmt: skip
            continue
        colour = tuple(float(value) for value in image.colormap.colors[-1][:3])
        low, high = (float(value) for value in image.contrast_limits)
        found.append(Channel(image.name, cut.of(data), colour, (low, high) if high > low else None))  # type: ignore[arg-type]
    return tuple(found)


_RGB = (("red", (1.0, 0.0, 0.0)), ("green", (0.0, 1.0, 0.0)), ("blue", (0.0, 0.0, 1.0)))


def _rgb_limits(dtype: Any) -> tuple[float, float]:
    return (0.0, float(np.iinfo(dtype).max)) if np.dtype(dtype).kind == "u" else (0.0, 1.0)


class _Sample:
    """One colour of an RGB stack, (frames, y, x)."""

    def __init__(self, stack: Any, place: int) -> None:
        self._stack, self._place = stack, place
        self.dtype, self.shape = np.dtype(stack.dtype), tuple(stack.shape[:3])

    def __getitem__(self, index: int) -> np.ndarray:
        return np.asarray(self._stack[index])[..., self._place]


def workspace_cut(work: Workspace, *, volumes: bool) -> Cut:
    """How the labels of a workspace are looked at; where only a plane fits, the one on screen."""
    plane, frame = work.visible()
    at = [round(value) for value in work.axes.position(plane, frame, (0, 0))]
    image = work.image
    return cut_of(work.axes.shape, image.axis_labels, image.units, work.axes.frame, at, volumes)


def workspace_results(work: Workspace, viewer: ViewerLike, *, volumes: bool) -> Results:
    """All that is known of the image that is being worked on, with every visible image of its shape as a channel.

    Args:
        volumes: whether the format holds volumes over time; otherwise it gets the plane on screen.
    """
    cut = workspace_cut(work, volumes=volumes)
    images = [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image) and image_shape(layer) == cut.shape and (layer.visible or layer is work.image)
    ]
    layer = work.layers[0]
    document = work.document
    return Results(
        cut.of(layer.data),
        cut.letter,
        scores=_scores(work, cut),
        parents=document.parents,
        names={item.id: item.name for item in document.objects if item.name != f"object {item.id}"},
        calibration=calibration(layer, cut),
        channels=channels(images, cut),
        title=work.image.name,
        sources=tuple(Path(layer.source.path) for layer in images if layer.source.path),
    )


def _scores(work: Workspace, cut: Cut) -> dict[tuple[int, int], float]:
    """The predicted IoU by (object, frame) of what is exported; of several slices of a volume the worst."""
    axes = work.axes
    if cut.frame not in (axes.frame, axes.swept):
        return {}
    scores: dict[tuple[int, int], float] = {}
    # All frames of a plane at once: there may be hundreds of thousands of scores, and this is the main thread.
    numbers: dict[Plane, tuple[np.ndarray, np.ndarray]] = {}
    for (plane, item), rows in work.document.scores.rows():
        if plane not in numbers:
            at = [axes.position(plane, frame, (0, 0)) for frame in range(axes.frames)]
            inside = [all(here[axis] == place for axis, place in cut.held.items()) for here in at]
            numbers[plane] = np.array(inside), np.array([0 if cut.frame is None else int(p[cut.frame]) for p in at])
        inside_it, number = (each[: len(rows)] for each in numbers[plane])
        worst = np.clip(rows[: len(number), 1], 0, 1)
        known = inside_it & ~np.isnan(worst)
        for place, value in zip(number[known].tolist(), worst[known].tolist(), strict=True):
            scores[item, place] = min(scores.get((item, place), 1.0), value)
    return scores


def part_text(work: Workspace, *, volumes: bool) -> str:
    """Which part of the image is exported: "z 3" when a plane is, "" for the whole."""
    cut = workspace_cut(work, volumes=volumes)
    labels = work.image.axis_labels
    parts = [f"{axis_name(axis, labels[axis])} {place}" for axis, place in cut.held.items() if cut.shape[axis] > 1]
    return ", ".join(parts)
