"""What graphics processors cannot do is not asked of them, and they are seldom waited for; on the processor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

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


def everything(tracker: Tracker, frames: int = 8) -> list[np.ndarray]:
    """Labels that come of all kinds of prompts, propagation of some frames, a correction and proposals."""
    tracker.add_points(1, 0, np.array([[30.0, 25.0]]))
    tracker.add_box(2, 0, [53, 61, 71, 79])
    mask = np.zeros((90, 120), bool)
    mask[20:40, 20:35] = True
    tracker.add_mask(3, 1, mask)
    _ = tracker.predict(0).candidates
    out = []
    for result in tracker.propagate(stop=frames):
        _ = result.logits
        out.append(result.labels)
    tracker.add_points(1, 2, [[31, 29]], [0])
    out += [result.labels for result in tracker.propagate(stop=frames, direction="forward")]
    out += [
        proposal.pixels
        for proposal in list(tracker.propose(0, diameter=18.0 if frames < 8 else None))[-1].proposals or ()
    ]
    return out


OPTIONS = [TrackerOptions(), TrackerOptions.reference(), TrackerOptions(view="windows", share_windows=True)]


@pytest.mark.parametrize("options", OPTIONS)
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


@pytest.mark.parametrize(
    ("network", "options", "kind"),
    [
        ("small_model", OPTIONS[0], "cuda"),
        ("small_model", OPTIONS[2], "mps"),
        ("published", OPTIONS[0], "mps"),
        ("published", OPTIONS[1], "cuda"),
    ],
)
def test_a_network_that_lies_elsewhere_finds_the_same(
    network: str, options: TrackerOptions, kind: str, stack: np.ndarray, request: pytest.FixtureRequest, pretend: Any
) -> None:
    model = request.getfixturevalue(network)
    expected = everything(Tracker(model, stack, options), 4)
    with pretend(kind) as device:  # streams of CUDA cannot be pretended
        found = everything(Tracker(device.moved(model), stack, replace(options, encode_ahead=False)), 4)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one != other).mean() < 0.01


BOXES = {1: [20, 15, 40, 40], 2: [50, 60, 75, 85], 3: [22, 17, 38, 38], 4: [5, 90, 25, 110], 5: [60, 10, 80, 30]}


@pytest.mark.parametrize("network", ["whole_frame_model", "published"])
def test_a_card_is_waited_for_once_per_batch_and_fetches_what_it_is_shown(
    network: str, stack: np.ndarray, pretend: Any, request: pytest.FixtureRequest
) -> None:
    waits = {}
    model = request.getfixturevalue(network)
    for count in (1, 5):
        with pretend("cuda") as device:
            tracker = Tracker(
                device.moved(model), stack, TrackerOptions(view="frame", one_owner=False, encode_ahead=False)
            )
            for number in range(1, count + 1):
                y, x = BOXES[number][:2]
                tracker.add_box(number, 0, [y, x, y + 20, x + 20])  # of one size: they go through together
            results = tracker.propagate()
            for _ in range(3):
                device.waits.clear()
                device.fetched = 0
                _ = next(results).labels
            waits[count] = list(device.waits)
            assert device.fetched == 2, "the image, and how long ago it was that the pointers were"
        assert not [one for one in waits[count] if "from here" in one], "nothing is given that it would be waited for"
    assert waits[1] == waits[5]
    assert len(waits[1]) == 3, "for logits, scores and IoUs"


@pytest.mark.parametrize(
    "wrong",
    [lambda x: x + torch.ones(3), lambda x: x.numpy(), lambda x: x.to(torch.float64), lambda x: x[torch.ones(3) > 0]],
)
def test_a_pretended_device_refuses_what_a_real_one_would(wrong: Callable[[torch.Tensor], Any], pretend: Any) -> None:
    with pretend("mps") as device:
        x = torch.zeros(3, device=device.home)
        assert (x + 1).cpu().tolist() == [1, 1, 1]
        device.waits.clear()
        try:
            wrong(x)
        except (AssertionError, RuntimeError, TypeError):
            return
        assert device.waits
