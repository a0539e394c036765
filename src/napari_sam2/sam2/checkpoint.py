"""Strict loading of a state dict by name, with errors that a person can act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn


class CheckpointError(ValueError):
    """A state dict does not fit the model; the message names what is missing, unexpected or of the wrong shape."""


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    shown = ", ".join(listed[:4])
    return shown + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def load_state(model: nn.Module, state: Mapping[str, Tensor], name: str = "the model") -> None:
    """Copy ``state`` into ``model``; nothing is copied unless every name and shape fits.

    Args:
        model: the network, on any device.
        state: tensors by the names of Meta's checkpoints.
        name: what to call the model in errors.

    Raises:
        CheckpointError: names every kind of misfit at once.
    """
    wanted = model.state_dict()
    not_tensors = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if not_tensors:
        raise CheckpointError(f"Not a checkpoint of {name}: these entries are no tensors: {_some(not_tensors)}.")
    missing, unexpected = wanted.keys() - state.keys(), state.keys() - wanted.keys()
    misshaped = [
        f"{key} (got {tuple(state[key].shape)}, expected {tuple(wanted[key].shape)})"
        for key in sorted(wanted.keys() & state.keys())
        if state[key].shape != wanted[key].shape
    ]
    problems = []
    if missing:
        problems.append(f"{len(missing)} missing: {_some(missing)}")
    if unexpected:
        problems.append(f"{len(unexpected)} unexpected: {_some(unexpected)}")
    if misshaped:
        problems.append(f"{len(misshaped)} of the wrong shape: {_some(misshaped)}")
    if problems:
        raise CheckpointError(
            f"The checkpoint does not fit {name}: {'; '.join(problems)}. "
            "Choose the variant it was made for, or download the file again."
        )
    model.load_state_dict(dict(state))
