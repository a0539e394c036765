"""The workshop: batches say what they promise, the loss falls, a stopped training goes on where it was."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "model"))

from evaluation.recordings import deepest, link
from training import measure
from training.batches import Clips, from_afar, from_near, hide
from training.calibrate import CANDIDATES, IOU, fit, fold
from training.export import export
from training.losses import iou_of, mask_loss
from training.run import Run, share_gradients
from training.sizes import SIZES, grow
from training.steps import clip_step, corrective_click, image_step

from napari_sam2.sam2 import Sam2, load_state
from napari_sam2.weights.load import load_model
from napari_sam2.weights.registry import bundled_file


def test_clicks_lie_inside_and_boxes_around_their_objects() -> None:
    batch = Clips(seed=0, clips=2, frames=3, objects=3).draw(np.random.default_rng(1))
    assert batch.images.shape == (2, 3, 1, 256, 256)
    assert batch.masks.shape == (6, 3, 64, 64)
    for row in range(6):
        x, y = batch.clicks[row].int().tolist()
        assert batch.masks[row, 0, y // 4, x // 4] > 0
        assert batch.labels[batch.owner[row], 0, y, x] > 0
        x0, y0, x1, y1 = batch.boxes[row].tolist()
        assert x0 < x1
        assert y0 < y1
    assert batch.present[:, 0].all()
    assert batch.known[:, 0].all()


def test_scenes_in_larger_windows_keep_prompts_and_masks_together() -> None:
    batch = Clips(seed=0, clips=2, frames=2, objects=3).draw(np.random.default_rng(1))
    assert batch.resized(256) is batch
    large = batch.resized(320)
    assert large.images.shape == (2, 2, 1, 320, 320)
    assert large.masks.shape == (6, 2, 80, 80)
    for row in range(6):
        x, y = large.clicks[row].round().int().tolist()
        own = large.labels[large.owner[row], 0, y, x]
        assert own > 0
        rows, columns = torch.nonzero(large.labels[large.owner[row], 0] == own, as_tuple=True)
        before, after = float(batch.masks[row, 0].mean()), float(large.masks[row, 0].mean())
        assert after == pytest.approx(before, rel=0.03)
        assert len(rows) / 320**2 == pytest.approx(before, rel=0.05)
        x0, y0, x1, y1 = large.boxes[row].tolist()
        assert (x0 + x1) / 2 == pytest.approx(float(columns.min() + columns.max()) / 2, abs=0.1 * (x1 - x0) + 2)
        assert (y0 + y1) / 2 == pytest.approx(float(rows.min() + rows.max()) / 2, abs=0.1 * (y1 - y0) + 2)


def test_weights_are_measured_side_by_side(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("IMAGES", "CLIPS", "ROUNDS"):
        monkeypatch.setattr(measure, name, 1)
    threads = torch.get_num_threads()
    monkeypatch.setattr("sys.argv", ["measure", str(bundled_file())])
    try:
        measure.main()
    finally:
        torch.set_num_threads(threads)
    row = capsys.readouterr().out.strip().split("\n")[-1].strip("| ").split(" | ")
    assert row[:3] == ["micro", "micro", "7.01 M"]
    click, best, box, followed = (float(value) for value in row[3:7])
    assert 0.5 < click <= best <= 1
    assert box > 0.5
    assert followed > 0.4
    assert 0 < float(row[7].removesuffix(" ms")) < float(row[8].removesuffix(" ms"))


def test_seen_from_afar_cells_are_smaller_and_keep_to_themselves() -> None:
    images = np.random.default_rng(0).random((1, 256, 256)).astype(np.float32)
    labels = np.zeros((1, 256, 256), np.int32)
    labels[0, 100:150, 100:150] = 7
    for seed in range(8):
        _, small = from_afar(np.random.default_rng(seed), images, labels)
        areas = np.bincount(small.ravel())[1:]
        assert 0 < areas.max() <= 2500 / 4 * 1.1


def test_seen_from_near_an_object_fills_more_of_the_window() -> None:
    images = np.zeros((1, 256, 256), np.float32)
    labels = np.zeros((1, 256, 256), np.int32)
    labels[0, 100:150, 100:150] = 7
    images[labels > 0] = 1
    for seed in range(8):
        near, seen = from_near(np.random.default_rng(seed), images, labels)
        assert near.shape == seen.shape == (1, 256, 256)
        assert np.count_nonzero(seen == 7) > 1.5 * 2500
        # Picture and labels stay together.
        assert np.mean((near > 0.5) == (seen > 0)) > 0.97


def test_what_is_hidden_is_absent_and_comes_back() -> None:
    whole = np.full((8, 64, 64), 3, np.int32)
    for seed in range(8):
        images, labels = np.random.default_rng(seed).random((8, 64, 64)), whole.copy()
        before = images.copy()
        hide(np.random.default_rng(seed), images, labels)
        gone = labels == 0
        assert not gone[0].any()
        assert 1 <= gone.any((1, 2)).sum() <= 2
        np.testing.assert_array_equal(images[~gone], before[~gone])
        assert (images[gone] != before[gone]).all()


def test_the_mask_loss_prefers_better_masks_whatever_their_size() -> None:
    target = torch.zeros(2, 1, 64, 64)
    target[0, 0, 30:34, 30:34] = 1
    target[1, 0, 10:50, 10:50] = 1
    right, empty = (target * 2 - 1) * 6, torch.full_like(target, -6.0)
    assert (mask_loss(right, target) < 0.3).all()
    assert (mask_loss(empty, target) > 2).all()
    assert iou_of(right, target).tolist() == [[1.0], [1.0]]


def test_corrective_clicks_go_into_the_error() -> None:
    target = torch.zeros(2, 1, 64, 64)
    target[:, 0, 20:40, 20:40] = 1
    logits = (target * 2 - 1) * 5
    logits[0, 0, 20:40, 30:40] = -5  # half of it is missed
    logits[1, 0, 5:15, 5:15] = 5  # something else is taken
    xy, labels = corrective_click(logits, target)
    assert labels[:, 0].tolist() == [1, 0]
    assert 30 * 4 <= xy[0, 0, 0] < 40 * 4
    assert 5 * 4 <= xy[1, 0, 0] < 15 * 4


def test_training_learns_stops_goes_on_and_is_exported(tmp_path: Path) -> None:
    torch.manual_seed(0)
    run = Run(tmp_path, 1e-3)
    rng = np.random.default_rng(0)
    image = Clips(0, 1, 1, 2).draw(rng)
    losses = []
    for _ in range(8):
        torch.manual_seed(1)  # the same prompts every time, so that the losses can be compared
        loss, _ = image_step(run.model, run.head, image, rounds=1)
        run.optimiser.zero_grad()
        loss.backward()
        run.optimiser.step()
        run.step += 1
        run.average()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0], losses
    loss, _ = clip_step(run.model, run.head, Clips(0, 1, 3, 2).draw(rng))
    assert torch.isfinite(loss)
    run.save()
    again = Run(tmp_path, 1e-3)
    assert again.step == 8
    for a, b in zip(run.parts.parameters(), again.parts.parameters(), strict=True):
        assert torch.equal(a, b)
    export(tmp_path / "last.pt", tmp_path / "out.safetensors")
    assert load_model(tmp_path / "out.safetensors").config.name == "micro"


@pytest.mark.parametrize("size", ["deep", "micro"])
def test_a_grown_network_answers_as_before_and_its_new_parts_learn(size: str) -> None:
    torch.manual_seed(3)
    small = Sam2(SIZES["narrow"]).eval()
    large = Sam2(SIZES[size]).eval()
    load_state(large, grow(small.state_dict(), SIZES[size]))
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        for a, b in zip(small.image_encoder(image), large.image_encoder(image), strict=True):
            torch.testing.assert_close(b, a, atol=2e-5, rtol=0)
    optimiser = torch.optim.SGD(large.parameters(), lr=1e-3)
    for _ in range(2):
        optimiser.zero_grad()
        large.image_encoder(image)[2].square().mean().backward()
        optimiser.step()
    block = large.image_encoder.trunk.stages[2][-1]
    if size == "deep":
        assert block.dwconv.weight.grad.abs().max() > 0
    else:
        first, twin = block.dwconv.weight.grad.chunk(2)
        assert (first != twin).flatten(1).any(1).all()


def test_a_network_does_not_grow_into_a_smaller_or_an_odd_one() -> None:
    state = Sam2(SIZES["deep"]).state_dict()
    with pytest.raises(ValueError, match="must not be smaller"):
        grow(state, SIZES["narrow"])
    with pytest.raises(ValueError, match="only twice as many"):
        grow(Sam2(SIZES["micro"]).state_dict(), SIZES["narrow"])


def _average(rank: int, meeting: str, out: str) -> None:
    torch.distributed.init_process_group("gloo", meeting, world_size=2, rank=rank)
    layer = torch.nn.Linear(2, 1)
    unused = torch.nn.Parameter(torch.zeros(3))
    layer.weight.grad, layer.bias.grad = torch.full((1, 2), 1.0 + rank), torch.full((1,), 5.0)
    seconds = share_gradients([*layer.parameters(), unused], 10.0 * rank)
    torch.save((layer.weight.grad, layer.bias.grad, unused.grad, seconds), f"{out}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_processes_that_train_together_share_their_gradients_and_their_time(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_average, ((tmp_path / "meeting").as_uri(), str(tmp_path)), 2)
    for rank in range(2):
        weight, bias, unused, seconds = torch.load(tmp_path / f"{rank}.pt")
        assert weight.tolist() == [[1.5, 1.5]]
        assert bias.tolist() == [5.0]
        assert unused.tolist() == [0.0, 0.0, 0.0]
        assert seconds == 5.0


def test_tracks_end_where_a_cell_divides_or_is_lost() -> None:
    masks = np.zeros((3, 40, 40), np.uint16)
    masks[0, 5:15, 5:15], masks[0, 20:30, 20:36] = 1, 2
    masks[1, 6:16, 6:16], masks[1, 20:30, 20:36] = 9, 4
    masks[2, 6:16, 7:17], masks[2, 20:30, 20:22], masks[2, 20:30, 34:36] = 3, 5, 6
    assert link(masks) == [[1, 9, 3], [2, 4]]


def test_the_click_of_the_scores_is_the_deepest_pixel() -> None:
    mask = np.zeros((30, 30), bool)
    mask[10:21, 4:15] = True
    mask[10:12, 15:29] = True
    assert deepest(mask) == (15, 9)


@pytest.mark.parametrize("seed", [0, 1])
def test_batches_are_the_same_for_the_same_seed(seed: int) -> None:
    a, b = (Clips(0, 1, 1, 2).draw(np.random.default_rng(seed)) for _ in range(2))
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.masks, b.masks)


def test_calibration_finds_how_sure_to_be_and_changes_the_heads_so() -> None:
    rng = np.random.default_rng(0)
    said = rng.normal(0, 2, 4000)
    real = 1 / (1 + np.exp(-(0.5 * said - 1)))
    scale, shift = fit(said, real)
    assert scale == pytest.approx(0.5, abs=0.01)
    assert shift == pytest.approx(-1, abs=0.01)
    head = torch.nn.Linear(8, 4).half()
    state = {f"{IOU}.{name}": value.clone() for name, value in head.state_dict().items()}
    fold(state, IOU, CANDIDATES, scale, shift)
    x = torch.randn(5, 8)
    before = torch.nn.functional.linear(x, head.weight.float(), head.bias.float())
    after = torch.nn.functional.linear(x, state[f"{IOU}.weight"].float(), state[f"{IOU}.bias"].float())
    torch.testing.assert_close(after[:, 1:], scale * before[:, 1:] + shift, atol=5e-3, rtol=0)
    torch.testing.assert_close(after[:, 0], before[:, 0])
