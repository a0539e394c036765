"""How an image layer becomes a stack of frames for the tracker, and where other layers lie on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.transforms import Affine

from napari_sam2.session.axes import (
    Axes,
    LazyStack,
    default_frame_axis,
    frame_axis_choices,
    stack_from,
    sweep_choices,
)
from napari_sam2.session.document import Plane
from napari_sam2.session.fingerprint import fingerprint
from napari_sam2.session.stack_sources import finest_level
from napari_sam2.ui.preferences import frame_memory

__all__ = [
    "Axes",
    "LazyStack",
    "axis_name",
    "choose_level",
    "default_frame_axis",
    "finest_level",
    "frame_axis_choices",
    "guessed_axes",
    "has_level",
    "image_shape",
    "level_factors",
    "level_of",
    "level_texts",
    "mark_of",
    "pixel_aspect",
    "pixels_of",
    "placed",
    "placement",
    "stack_of",
    "sweep_choices",
]


_LEVEL = "napari-sam2 level"
"""Key in the metadata of a layer: the level that the user has chosen."""


def level_of(image: Image) -> int:
    """The level of a multiscale image that is worked on: the chosen one, else the finest that memory allows."""
    if not image.multiscale:
        return 0
    chosen = image.metadata.get(_LEVEL)
    if isinstance(chosen, int) and 0 <= chosen < len(image.data):
        return chosen
    return finest_level([level.shape for level in image.data], image.rgb, frame_memory())


def choose_level(image: Image, level: int) -> None:
    """Work on another level of a multiscale image from now on."""
    image.metadata[_LEVEL] = level


def level_texts(image: Image) -> list[str]:
    """The levels of a multiscale image in words, the finest first: "full, 20000 × 18000", "1/4, 5000 × 4500"."""
    texts = []
    for level in range(len(image.data)):
        shape = _without_rgb(image, image.data[level].shape)
        share = max(level_factors(image, level))
        texts.append(f"{'full' if share < 1.01 else f'1/{share:.3g}'}, {shape[-2]} × {shape[-1]}")
    return texts


def level_factors(image: Image, level: int) -> np.ndarray:
    """How many data coordinates of the image a pixel of a level spans along each axis."""
    full, coarse = (_without_rgb(image, image.data[number].shape) for number in (0, level))
    return np.divide(full, coarse)


def image_shape(image: Image, level: int | None = None) -> tuple[int, ...]:
    """Shape of the layer's data at the level that is worked on, or at another one, without RGB."""
    return _without_rgb(image, pixels_of(image, level).shape)


def has_level(image: Image, level: int, shape: Sequence[int]) -> bool:
    """Whether an image has this level, and that this shape."""
    there = 0 <= level < (len(image.data) if image.multiscale else 1)
    return there and image_shape(image, level) == tuple(shape)


def _without_rgb(image: Image, shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in shape)
    return sizes[:-1] if image.rgb else sizes


def pixels_of(image: Image, level: int | None = None) -> Any:
    """The array of an image layer that is worked on; of a multiscale image one of its levels, or another one."""
    return image.data[level_of(image) if level is None else level] if image.multiscale else image.data


def mark_of(image: Image, level: int | None = None) -> str:
    """The fingerprint of an image by the pixels that are worked on, or those of another level. Reads some."""
    return fingerprint(pixels_of(image, level), image_shape(image, level))


def placement(image: Image) -> dict[str, Any]:
    """Keyword arguments that put another layer, with the pixels that are worked on, where the image lies."""
    scale, translate = image.scale, image.translate
    if level_of(image):
        factors = level_factors(image, level_of(image))
        # The centre of the first coarse pixel lies between the fine ones that it covers.
        linear = Affine(scale=scale, rotate=image.rotate, shear=image.shear).linear_matrix
        translate = translate + linear @ ((factors - 1) / 2)
        scale = scale * factors
    return {
        "scale": scale,
        "translate": translate,
        "rotate": image.rotate,
        "shear": image.shear,
        "affine": image.affine.affine_matrix,
        "units": image.units,
        "axis_labels": image.axis_labels,
    }


def placed(layer: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Size and place of the first pixel in the world by axis, and whether there is more to it (turned, mirrored)."""
    ndim = len(layer.scale)
    linear = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear).linear_matrix
    outer = np.asarray(getattr(layer.affine, "affine_matrix", layer.affine), float)
    linear, place = outer[:ndim, :ndim] @ linear, outer[:ndim, :ndim] @ layer.translate + outer[:ndim, ndim]
    sizes = np.diagonal(linear)
    turned = not np.allclose(linear, np.diag(sizes)) or bool((sizes < 0).any())
    return (np.asarray(layer.scale) if turned else sizes), place, turned


def guessed_axes(image: Image, dims: Any) -> Axes:
    """The axes of an image as they most likely are meant: by their labels, their units, and the viewer's sliders."""
    shape = image_shape(image)
    offset = dims.ndim - len(shape)
    sliders = [axis - offset for axis in dims.not_displayed if axis >= offset]
    units = [str(unit) for unit in image.units]
    return Axes(shape, default_frame_axis(shape, image.axis_labels, units, sliders))


def pixel_aspect(image: Image, axes: Axes) -> float:
    """Height of a pixel over its width, in the units of the world; 1 where the two cannot be compared."""
    scale = placement(image)["scale"]
    y, x = axes.spatial
    sizes = [abs(float(scale[axis])) for axis in (y, x)]
    units = [image.units[axis] for axis in (y, x)]
    if units[0] != units[1]:
        try:
            sizes[0] = float((sizes[0] * units[0]).to(units[1]).magnitude)
        except (TypeError, ValueError):  # pint: a time is no length
            return 1.0
    return sizes[0] / sizes[1] if min(sizes) > 0 else 1.0


def stack_of(image: Image, axes: Axes, plane: Plane) -> Any:
    """The image as (frames, y, x) or (frames, y, x, 3): a view for numpy, read frame by frame for anything else."""
    return stack_from(pixels_of(image), axes, plane, image.rgb)


def axis_name(axis: int, label: str) -> str:
    """What an axis is called: napari calls axes that nobody has named "-3", or "axis -3"."""
    return label if label and "-" not in label else f"axis {axis}"
