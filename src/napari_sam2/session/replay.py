"""The prompts of a session folder as they are given to a model, with the masks of accepted frames."""

import itertools
from pathlib import Path
from typing import Any

from napari_sam2.session.axes import Axes
from napari_sam2.session.document import Document
from napari_sam2.session.folder import SessionError, open_folder
from napari_sam2.session.masks import Masks
from napari_sam2.session.prompts import ObjectPrompts, PromptsError


def session_prompts(path: Path) -> list[ObjectPrompts]:
    """All that the model was told in a session, for doing all of its frames anew.

    Raises:
        PromptsError: no session, a damaged one, or one with prompts on more than one plane, whose files are named.
    """
    try:
        saved = open_folder(path)
    except SessionError as error:
        raise PromptsError(str(error)) from error
    axes = Axes(tuple(saved.image.shape), saved.image.frame_axis, saved.image.swept_axis)
    document = Document()
    saved.fill(document)
    if len(document.planes) > 1:
        names = ", ".join("-".join(["prompts", *map(str, plane)]) + ".json" for plane in document.planes)
        raise PromptsError(f"{path}: has prompts on several planes; give the file of one of them ({names})")
    planes = itertools.product(*(range(axes.shape[axis]) for axis in axes.held))
    document.masks = Masks(saved.masks, axes.frames, planes, axes.index)
    return document.to_prompts(next(iter(document.planes), ()), locks=True)


def session_contrast(path: Path) -> dict[str, Any] | None:
    """How the intensities of the image of a session became what the model saw; None for a prompts file.

    Returns:
        the fields of a tracking.contrast.Contrast.
    """
    if not path.is_dir():
        return None
    try:
        contrast = open_folder(path).image.contrast
    except SessionError as error:
        raise PromptsError(str(error)) from error
    return contrast.model_dump() if contrast is not None else None
