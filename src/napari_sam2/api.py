"""The whole job in one call: a stack and prompts in, labels out."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_sam2.recalled import Recalled, recall
from napari_sam2.sam2 import Sam2
from napari_sam2.session.lineage import heir_at
from napari_sam2.session.parts import part_of
from napari_sam2.session.prompts import ObjectPrompts, PromptsError, parse_prompts, read_prompts, without_slices
from napari_sam2.session.stacks import Stack, View, arrange
from napari_sam2.tracking import Contrast, FrameResult, Tracker, TrackerOptions, TrackingError
from napari_sam2.tracking.channels import Channel, colour_table, default_colours
from napari_sam2.tracking.composed import Composed
from napari_sam2.tracking.estimate import Estimate, foresee
from napari_sam2.tracking.labels import merge
from napari_sam2.tracking.stretched import StretchedTracker
from napari_sam2.tracking.swept import SweptTracker, tracker_for
from napari_sam2.weights.load import load_model

Direction = Literal["forward", "backward", "both"]
Prompts = str | os.PathLike[str] | Mapping[str, Any] | Iterable[ObjectPrompts]
"""A prompts file, its content, or the objects themselves."""
AnyTracker = Tracker | StretchedTracker | SweptTracker


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
    view: View | None = None,
    colours: Sequence[str] | None = None,
    seen: Recalled | None = None,
    out: Any = None,
    progress: Callable[[Progress], None] | None = None,
    foreseen: Callable[[Estimate], None] | None = None,
) -> Any:
    """Segment the prompted objects in all frames of a stack.

    Args:
        stack: (frames, y, x) or (frames, y, x, 3), any lazy array; a single (y, x) image; with `view`, any axes; or
            what `open_stack` gives.
        prompts: what was clicked, in (y, x) data pixels; a file, its content as a dict, or a list of ObjectPrompts.
        model: what `load_model` takes, or a network that is loaded already.
        device: "auto", "cpu", "cuda" or "mps", for a model given by name.
        direction: where the objects are carried from their prompts.
        options: of the tracker; when left out, a session as prompts brings its contrast and channels along.
        view: which axes the stack has and what becomes of them: `View("TZYX", sweep="Z")` follows objects through time
            and depth, `View("ZYX", along="Y")` looks from the side. A prompt names its frame along the frame axis, and
            its slice along a swept one.
        colours: of the channels (`View("TCYX", channels=True)`), such as ["magenta", "green"]; "" leaves one out.
        seen: channels and contrast of a session that was read already, instead of `colours` and those of `options`.
        out: unsigned integers of the labels' shape to write into, frame by frame, such as a memory map; made when None.
            After an exception it holds the frames that were finished.
        progress: called after every result.
        foreseen: called once before the first of them with the time and memory that it will all take, where that can be
            measured; not for a few frames.

    Returns:
        labels, 0 = background, otherwise the id of the object; uint16 where the ids allow it. (frames, y, x), for a
        single image (y, x), with a view the stack's own axes but channels and colours, in the order T, Z, Y, X.

    Raises:
        PromptsError, ModelError, StackError, TrackingError: all are ValueError, with one line that says what to do.
    """
    objects = as_objects(prompts)
    network = model if isinstance(model, Sam2) else load_model(model, device=device)
    arranged = _arranged(stack, view)
    slices = 1 if arranged is None else arranged.axes.slices
    if out is None:
        shape = tuple(stack.shape[:3]) if arranged is None else arranged.labels_shape
        labels = np.zeros(shape, label_dtype(objects))
    else:
        labels = out
    frames = int(stack.shape[0]) if arranged is None else len(arranged.array)
    with ExitStack() as files:  # of images that are seen together with the stack
        if seen is None and options is None and colours is None and isinstance(prompts, (str, os.PathLike)):
            seen = recall(Path(prompts), stack if arranged is None else arranged, view, files)
        tracker = _tracker(network, stack if arranged is None else arranged, options, colours, seen)
        if arranged is not None:
            objects = numbered_through(objects, arranged)
        apply_prompts(tracker, objects)
        if foreseen is not None and (found := foresee(tracker, direction)) is not None:
            foreseen(found)
        known = {item.id: item for item in objects}
        total = expected_results(objects, frames, direction, slices)
        for done, result in enumerate(tracker.propagate(direction=direction), start=1):
            place = (result.frame,) if arranged is None else arranged.place(result.frame)
            names = {item: name for item in result.object_ids if (name := name_at(known[item], result.frame))}
            labels[place] = merge(np.asarray(labels[place]), part_of(result, names))
            if progress is not None:
                progress(Progress(done, max(total, done), result))
    single = view is None and out is None and not isinstance(stack, Stack) and len(stack.shape) == 2
    return labels[0] if single else labels


def _arranged(stack: Any, view: View | None) -> Stack | None:
    """A stack of other axes than (frames, y, x[, rgb]); None for one that a tracker takes as it is."""
    if isinstance(stack, Stack):
        return stack
    if view is not None:
        return arrange(stack, view)
    return arrange(stack, View("YX")) if len(getattr(stack, "shape", ())) == 2 else None


def _tracker(
    network: Sam2, stack: Any, options: TrackerOptions | None, colours: Sequence[str] | None, seen: Recalled | None
) -> AnyTracker:
    """The tracker of a stack, arranged or as it is, seen as it was in a session where that is known."""
    if seen is not None:
        options = replace(options or TrackerOptions(), contrast_limits=None, contrast=seen.contrast)
        if seen.ends is not None and options.ends is None:
            options = replace(options, ends=seen.ends)
    if seen is not None and seen.channels:
        ways: dict[str, Any] = _ways(stack) if isinstance(stack, Stack) else {}
        return tracker_for(network, Composed(seen.channels), options, **ways)
    return (
        tracker_of(network, stack, options, colours) if isinstance(stack, Stack) else Tracker(network, stack, options)
    )


def tracker_of(
    network: Sam2, stack: Stack, options: TrackerOptions | None = None, colours: Sequence[str] | None = None
) -> AnyTracker:
    """The tracker that fits a stack; its channels are composed in these colours.

    Raises:
        TrackingError: the number of colours is another than that of channels, or a colour is not known.
    """
    if not stack.channels:
        return tracker_for(network, stack.array, options, **_ways(stack))
    colours = default_colours(len(stack.channels)) if colours is None else colours
    if len(colours) != len(stack.channels):
        raise TrackingError(f"got {len(colours)} colours for {len(stack.channels)} channels; give one for each")
    options = options or TrackerOptions()
    contrast = replace(options.contrast, gamma=1.0, invert=False)
    shown = zip(stack.channels, colours, strict=True)
    channels = [Channel(array, colour_table(colour), contrast) for array, colour in shown if colour]
    # Each channel has its own black and white; what is done to the whole picture comes after it.
    whole = Contrast.between(0, 1, gamma=options.contrast.gamma, invert=options.contrast.invert)
    options = replace(options, contrast_limits=None, contrast=whole)
    return tracker_for(network, Composed(channels), options, **_ways(stack))


def _ways(stack: Stack) -> dict[str, Any]:
    """How objects are followed in a stack."""
    return {"slices": stack.axes.slices, "aspect": stack.aspect, "depth": stack.in_depth}


def numbered_through(objects: Iterable[ObjectPrompts], stack: Stack) -> list[ObjectPrompts]:
    """The prompts with the slices of all frames counted through, as the tracker of a swept stack wants them.

    Raises:
        PromptsError: a prompt on a slice that does not exist; names the entry, as in the prompts file.
    """
    objects, slices = list(objects), stack.axes.slices
    for number, item in enumerate(objects):
        for index, prompt in enumerate(item.prompts):
            if prompt.slice >= slices:
                raise PromptsError(
                    f"objects[{number}].prompts[{index}].slice: got {prompt.slice}, expected 0 to {slices - 1}"
                    + ("" if slices > 1 else "; only a swept axis has slices, such as with --sweep Z")
                )
    return without_slices(objects, slices)


def apply_prompts(tracker: AnyTracker, objects: Iterable[ObjectPrompts]) -> None:
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


def label_dtype(objects: Iterable[ObjectPrompts]) -> np.dtype[Any]:
    """The smallest type that holds the ids and that every program reads: uint16, else uint32."""
    ids = [number for item in objects for number in (item.id, *(heir for _, heir in item.heirs))]
    return np.dtype(np.uint16 if max(ids, default=0) < 2**16 else np.uint32)


def name_at(item: ObjectPrompts, frame: int) -> int:
    """What an object is called on a frame; 0 where it cannot be: a daughter is not on frames of her mother."""
    if frame < item.born or (item.gone is not None and frame >= item.gone):
        return 0
    return heir_at(item.heirs, item.id, frame)


def expected_results(objects: Iterable[ObjectPrompts], frames: int, direction: Direction, slices: int = 1) -> int:
    """How many results a propagation through `frames` frames will give: one per frame and direction.

    With `slices`, all of a time point come together.
    """
    prompted = [[prompt.frame // slices for prompt in item.prompts] for item in objects if item.prompts]
    if direction == "backward":
        return (max(max(numbers) for numbers in prompted) + 1) * slices
    first = [min(numbers) for numbers in prompted]
    return frames - min(first) * slices + (max(first) * slices if direction == "both" else 0)
