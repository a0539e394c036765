"""What graphics processors of Apple cannot do is not asked of them: all operations are watched, on the processor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.sam2.config import HieraConfig
from napari_sam2.tracking import Tracker, TrackerOptions


class Watch(TorchDispatchMode):
    """Raises where something is computed in double precision, or padded with the values at the border."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        for one in found if isinstance(found, (tuple, list)) else [found]:
            assert not isinstance(one, torch.Tensor) or one.dtype != torch.float64, f"{func} in double precision"
        assert "grid_sampler" not in str(func) or args[3] == 0, f"{func} pads with {args[3]}"
        return found


@pytest.fixture(scope="session")
def published() -> Sam2:
    """The layout of the published models at a fraction of their size."""
    config = PRESETS["sam2.1_hiera_tiny"]
    trunk = HieraConfig(8, 1, (1, 1, 1, 1), (2,), (4, 2, 2, 2), (2, 2))
    config = replace(config, trunk=trunk, image_size=64, width=32, memory_width=8, memory_layers=1, memory_ffn=32)
    torch.manual_seed(0)
    return Sam2(replace(config, decoder_heads=2, decoder_mlp=32)).eval().requires_grad_(False)


def everything(tracker: Tracker) -> None:
    """All kinds of prompts, propagation, a correction and proposals."""
    tracker.add_points(1, 0, np.array([[30.0, 25.0]]))
    tracker.add_box(2, 0, [53, 61, 71, 79])
    mask = np.zeros((90, 120), bool)
    mask[20:40, 20:35] = True
    tracker.add_mask(3, 1, mask)
    _ = tracker.predict(0).candidates
    for result in tracker.propagate():
        _ = result.labels, result.logits
    tracker.add_points(1, 2, [[31, 29]], [0])
    for result in tracker.propagate(direction="forward"):
        _ = result.labels
    list(tracker.propose(0))


@pytest.mark.parametrize("options", [TrackerOptions(), TrackerOptions.reference(), TrackerOptions(view="windows")])
@pytest.mark.parametrize("network", ["small_model", "published"])
def test_nothing_is_asked_that_other_devices_cannot_do(
    network: str, options: TrackerOptions, stack: np.ndarray, request: pytest.FixtureRequest
) -> None:
    tracker = Tracker(request.getfixturevalue(network), stack, options)
    with Watch():
        everything(tracker)


@pytest.mark.parametrize("wrong", [lambda x: x.double(), lambda x: border(x)])
def test_the_watch_sees_it(wrong: Callable[[torch.Tensor], torch.Tensor]) -> None:
    with Watch(), pytest.raises(AssertionError, match=r"double|pads"):
        wrong(torch.ones(1, 1, 4, 4))


def border(x: torch.Tensor) -> torch.Tensor:
    grid = torch.zeros(1, 2, 2, 2)
    return torch.nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=True)
