"""In which order prompts are given to a model. Pure functions."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from napari_sam2.session.places import Box, Key, Points
from napari_sam2.session.prompts import Prompt


def startable(prompts: Mapping[Key, Prompt]) -> dict[Key, Prompt]:
    """The prompts of those objects of which it is said somewhere what belongs to them, in an order that can be applied.

    Clicks on what does not belong to an object say nothing while that is all there is, and an object that has them on
    one frame and others on another must start with the others.
    """
    started = {key[0] for key, prompt in prompts.items() if starts(prompt)}
    order = sorted(prompts, key=lambda key: (key[0], not starts(prompts[key]), key[1]))
    return {key: prompts[key] for key in order if key[0] in started}


def interactions(prompt: Prompt) -> tuple[Prompt, ...]:
    """One prompt as the steps in which it is given to the model: the mask, the box, then click after click.

    The clicks come in the order in which they were made, apart from a first one that belongs to the object.

    The model sees its own mask again between two clicks, so the steps are part of the result. Whoever applies a prompt
    in these steps, live or from a file, gets the same masks.
    """
    steps = []
    if prompt.mask is not None:
        steps.append(Prompt(prompt.frame, mask=prompt.mask))
    if prompt.box is not None:
        steps.append(Prompt(prompt.frame, box=prompt.box))
    first = prompt.labels.index(1) if not steps and 1 in prompt.labels else 0
    for index in sorted(range(len(prompt.points)), key=lambda index: index != first):
        point, label = prompt.points[index], prompt.labels[index]
        # Only the first click on an object can be ambiguous.
        candidate = prompt.candidate if not steps and label else 0
        steps.append(Prompt(prompt.frame, points=(point,), labels=(label,), candidate=candidate))
    return tuple(steps)


def starts(prompt: Prompt) -> bool:
    """Whether it says what belongs to the object, not only what does not."""
    return 1 in prompt.labels or prompt.box is not None or prompt.mask is not None


def with_points(prompt: Prompt, points: Points | None) -> Prompt:
    """The prompt with these clicks in the place of its own. A choice of a mask goes with the click it was made for."""
    where, labels = points if points is not None else ((), ())
    same = where[:1] == prompt.points[:1] and labels[:1] == prompt.labels[:1]
    return replace(prompt, points=where, labels=labels, candidate=prompt.candidate if same else 0)


def with_box(prompt: Prompt, box: Box | None) -> Prompt:
    """The prompt with this box in the place of its own."""
    return replace(prompt, box=box)


def is_empty(prompt: Prompt) -> bool:
    """Whether it says nothing at all."""
    return not prompt.points and prompt.box is None and prompt.mask is None


def joined(first: Prompt, second: Prompt) -> Prompt:
    """Two prompts of one object and frame as one; of two boxes or masks the second counts."""
    return Prompt(
        first.frame,
        points=first.points + second.points,
        labels=first.labels + second.labels,
        box=second.box if second.box is not None else first.box,
        mask=second.mask if second.mask is not None else first.mask,
        candidate=first.candidate if first.points else second.candidate,
    )


def refines(prompt: Prompt, mask: npt.NDArray[np.bool_]) -> bool:
    """Whether clicks correct a mask that is there already, (y, x) bool, and do not say that the object is elsewhere.

    A click far beside the mask, more than half of its size away, means another place.
    """
    if not prompt.points or prompt.box is not None or prompt.mask is not None or not mask.any():
        return False
    y, x = prompt.points[0]
    for value, along in ((y, mask.any(axis=1)), (x, mask.any(axis=0))):
        used = np.flatnonzero(along)
        low, high = int(used[0]), int(used[-1])
        if not low - (high - low + 1) / 2 <= value <= high + (high - low + 1) / 2:
            return False
    return True
