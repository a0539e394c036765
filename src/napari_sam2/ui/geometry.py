"""How an image layer becomes a stack of frames for the tracker, and where other layers lie on it."""

from typing import Any

from napari.layers import Image

from napari_sam2.session.axes import (
    Axes,
    LazyStack,
    default_frame_axis,
    frame_axis_choices,
    stack_from,
    sweep_choices,
)
from napari_sam2.session.document import Plane

__all__ = [
    "Axes",
    "LazyStack",
    "default_frame_axis",
    "frame_axis_choices",
    "full_resolution",
    "image_shape",
    "placement",
    "stack_of",
    "sweep_choices",
]


def image_shape(image: Image) -> tuple[int, ...]:
    """Shape of the layer's data at full resolution, without RGB."""
    shape = tuple(int(size) for size in full_resolution(image).shape)
    return shape[:-1] if image.rgb else shape


def full_resolution(image: Image) -> Any:
    """The array of an image layer; of a multiscale image the first level, whose pixels are the data coordinates."""
    return image.data[0] if image.multiscale else image.data


def placement(image: Image) -> dict[str, Any]:
    """Keyword arguments that put another layer with the same axes where the image lies."""
    return {
        "scale": image.scale,
        "translate": image.translate,
        "rotate": image.rotate,
        "shear": image.shear,
        "affine": image.affine.affine_matrix,
        "units": image.units,
        "axis_labels": image.axis_labels,
    }


def stack_of(image: Image, axes: Axes, plane: Plane) -> Any:
    """The image as (frames, y, x) or (frames, y, x, 3): a view for numpy, read frame by frame for anything else."""
    return stack_from(full_resolution(image), axes, plane, image.rgb)
