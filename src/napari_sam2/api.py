"""The whole job in one call: a stack and prompts in, labels out."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_sam2.sam2 import Sam2
from napari_sam2.session.prompts import ObjectPrompts, PromptsError, parse_prompts, read_prompts
from napari_sam2.tracking import FrameResult, Tracker, TrackerOptions, TrackingError
from napari_sam2.tracking.labels import merge
from napari_sam2.weights.load import load_model

Direction = Literal["forward", "backward", "both"]
Prompts = str | os.PathLike[str] | Mapping[str, Any] | Iterable[ObjectPrompts]
"""A prompts file, its content, or the objects themselves."""


@dataclass(frozen=True)
class Progress:
    """One more result is in the labels: `done` of about `total`, the latest being `result`."""

    done: int
    total: int
    result: FrameResult


def segment_stack(
    stack: Any,
    prompts: Prompts,
    model: str | os.PathLike[str] | Sam2 = "micro",
    *,
    device: str = "auto",
    direction: Direction = "both",
    options: TrackerOptions | None = None,
    out: Any = None,
    progress: Callable[[Progress], None] | None = None,
) -> Any:
    """Segment the prompted objects in all frames of a stack.

    Args:
        stack: (frames, y, x) or (frames, y, x, 3), any lazy array.
        prompts: what was clicked, in (y, x) data pixels; a file, its content as a dict, or a list of ObjectPrompts.
        model: what `load_model` takes, or a network that is loaded already.
        device: "auto", "cpu", "cuda" or "mps", for a model given by name.
        direction: where the objects are carried from their prompts.
        options: of the tracker.
        out: (frames, y, x) unsigned integers to write into, frame by frame, such as a memory map; made when None.
            After an exception it holds the frames that were finished.
        progress: called after every result.

    Returns:
        (frames, y, x) labels, 0 = background, otherwise the id of the object; uint16 where the ids allow it.

    Raises:
        PromptsError, ModelError, TrackingError: all are ValueError, with one line that says what to do.
    """
    objects = as_objects(prompts)
    network = model if isinstance(model, Sam2) else load_model(model, device=device)
    tracker = Tracker(network, stack, options)
    apply_prompts(tracker, objects)
    labels = new_labels(stack, objects) if out is None else out
    total = expected_results(objects, int(stack.shape[0]), direction)
    for done, result in enumerate(tracker.propagate(direction=direction), start=1):
        labels[result.frame] = merge(np.asarray(labels[result.frame]), result)
        if progress is not None:
            progress(Progress(done, max(total, done), result))
    return labels


def apply_prompts(tracker: Tracker, objects: Iterable[ObjectPrompts]) -> None:
    """Give all prompts to a tracker; the mask of a prompt comes first, then its box, then its points.

    Raises:
        PromptsError: a prompt does not fit the stack; names the entry, as in the prompts file.
    """
    for number, item in enumerate(objects):
        for index, prompt in enumerate(item.prompts):
            try:
                if prompt.mask is not None:
                    tracker.add_mask(item.id, prompt.frame, prompt.mask)
                if prompt.box is not None:
                    tracker.add_box(item.id, prompt.frame, prompt.box)
                if prompt.points:
                    tracker.add_points(item.id, prompt.frame, prompt.points, prompt.labels, prompt.candidate)
            except TrackingError as error:
                raise PromptsError(f"objects[{number}].prompts[{index}]: {error}") from error


def as_objects(prompts: Prompts) -> list[ObjectPrompts]:
    """The objects of a prompts file, of its content, or as they are; at least one has a prompt.

    Raises:
        PromptsError: a wrong entry, or no prompt at all.
    """
    if isinstance(prompts, (str, os.PathLike)):
        objects, place = read_prompts(prompts), f"{Path(prompts)}: "
    else:
        objects, place = parse_prompts(prompts) if isinstance(prompts, Mapping) else list(prompts), ""
    if not any(item.prompts for item in objects):
        raise PromptsError(f"{place}there is no prompt in it; click on at least one object")
    return objects


def new_labels(stack: Any, objects: Iterable[ObjectPrompts]) -> npt.NDArray[Any]:
    """Empty labels (frames, y, x) for these objects."""
    return np.zeros(stack.shape[:3], label_dtype(objects))


def label_dtype(objects: Iterable[ObjectPrompts]) -> np.dtype[Any]:
    """The smallest type that holds the ids and that every program reads: uint16, else uint32."""
    return np.dtype(np.uint16 if max((item.id for item in objects), default=0) < 2**16 else np.uint32)


def expected_results(objects: Iterable[ObjectPrompts], frames: int, direction: Direction) -> int:
    """How many results a propagation through `frames` frames will give: one per frame and direction."""
    prompted = [[prompt.frame for prompt in item.prompts] for item in objects if item.prompts]
    if direction == "backward":
        return max(max(numbers) for numbers in prompted) + 1
    first = [min(numbers) for numbers in prompted]
    return frames - min(first) + (max(first) if direction == "both" else 0)
