"""Plates: encoded once for the windows in them, and every window finds its own pixels there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, TrackerOptions
from napari_sam2.tracking.plates import LADDER, SMALLEST_STEP, STAY, LatticeView, Plate, arrange, step_for
from napari_sam2.tracking.view import View

shapes = st.tuples(st.integers(1, 900), st.integers(1, 900))
centres = st.tuples(st.floats(0, 1), st.floats(0, 1))
many_windows = st.lists(st.tuples(centres, st.sampled_from([2, 4, 8]), st.sampled_from([5, 7, 40])), max_size=12)


def windows(shape: tuple[int, int], wishes: list[tuple[tuple[float, float], int, int]]) -> list[LatticeView]:
    return [
        LatticeView.around((y * (shape[0] - 1), x * (shape[1] - 1)), 2 * pairs, step, shape)
        for (y, x), pairs, step in wishes
    ]


@given(shapes, centres, st.sampled_from([2, 4, 16]), st.integers(1, 60))
def test_a_window_is_on_the_lattice_in_the_frame_and_near_its_centre(
    shape: tuple[int, int], place: tuple[float, float], pairs: int, step: int
) -> None:
    (view,) = windows(shape, [(place, pairs, step)])
    assert view.y % step == view.x % step == 0
    assert view.height == view.width == pairs * step
    assert view.tokens == 2 * pairs
    for start, length, share in zip((view.y, view.x), shape, place, strict=True):
        middle = share * (length - 1) + 0.5
        if view.height <= length - length % step:
            assert start >= 0
            assert start + view.height < length + step
            free = view.height / 2 <= middle <= length - view.height / 2
            assert not free or abs(start + view.height / 2 - middle) <= step
        else:  # as large as the frame, or larger: the frame is in its middle
            assert start <= 0
            assert start + view.height >= length
            assert abs(start + view.height / 2 - length / 2) <= 1.5 * step


@given(shapes, many_windows, st.sampled_from([8, 16, 64]), st.sampled_from([0, 16]))
@settings(max_examples=150)
def test_every_window_lies_in_its_plate_and_nothing_is_encoded_in_vain(
    shape: tuple[int, int], wishes: list[tuple[tuple[float, float], int, int]], largest: int, least: int
) -> None:
    views = windows(shape, wishes)
    arranged = arrange(views, shape, largest, least)
    assert sorted(index for _, members in arranged for index in members) == list(range(len(views)))
    for plate, members in arranged:
        own = max(views[index].tokens for index in members)
        assert max(plate.rows, plate.columns) <= max(largest, own, least) // 2
        assert min(plate.rows, plate.columns) >= least // 2
        if not least:
            alone = sum((views[index].tokens // 2) ** 2 for index in members)
            assert plate.rows * plate.columns <= alone
        for index in members:
            view = views[index]
            assert view.step == plate.step
            rows, columns = view.place_in(plate)
            assert 0 <= rows.start < rows.stop <= 2 * plate.rows
            assert 0 <= columns.start < columns.stop <= 2 * plate.columns
            # Two tokens are a step: the crop of tokens is the view's pixels.
            assert plate.view.y + rows.start * plate.step // 2 == view.y
            assert plate.view.x + columns.start * plate.step // 2 == view.x
            assert rows.stop - rows.start == columns.stop - columns.start == view.tokens


def test_neighbours_share_a_plate_and_far_ones_do_not() -> None:
    shape = (2000, 2000)
    views = [LatticeView.around(centre, 16, 10, shape) for centre in ((400, 400), (400, 430), (1700, 1700), (430, 400))]
    assert sorted(sorted(members) for _, members in arrange(views, shape, 64)) == [[0, 1, 3], [2]]
    other_step = LatticeView.around((400, 400), 16, 12, shape)
    assert len(arrange([views[0], other_step], shape, 64)) == 2


def test_a_window_within_one_that_is_larger_than_any_plate_shares_it() -> None:
    shape = (3000, 3000)
    large, small = LatticeView.around((1500, 1500), 64, 10, shape), LatticeView.around((1500, 1500), 16, 10, shape)
    for views in ([large, small], [small, large]):
        ((plate, members),) = arrange(views, shape, 32)
        assert (plate.rows, plate.columns) == (32, 32)
        assert sorted(members) == [0, 1]


@given(st.floats(1, 1e5), st.sampled_from([16, 32, 64]))
def test_steps_are_few_and_near_what_is_wanted_and_stay(side: float, tokens: int) -> None:
    step, wanted = step_for(side, tokens), 2 * side / tokens
    assert step >= SMALLEST_STEP
    if wanted >= SMALLEST_STEP:
        assert 1 / 1.12 < step / wanted < 1.12, f"half of a rung of {LADDER}, and rounding"
    assert step_for(side, tokens, step) == step
    assert step_for(side * 2 * STAY, tokens, step_for(max(side, 40.0), tokens)) >= step


@pytest.mark.parametrize("token", [(4, 4), (4, 9), (9, 6)])
def test_what_is_in_the_frame_is_at_the_same_place_of_the_window_and_of_the_plate(
    small_model: Sam2, token: tuple[int, int]
) -> None:
    """A single bright spot changes most the token that covers it, in a window that is cut from a plate too."""
    step, shape = 8, (8 * 8, 8 * 8)
    frame = np.full((1, *shape), 500, np.uint16)
    y, x = token[0] * step // 2, token[1] * step // 2
    spotted = frame.copy()
    spotted[0, y : y + step // 2, x : x + step // 2] = 2000
    view = LatticeView.around((y, x), 8, step, shape)
    beside = LatticeView.around((y + 2 * step, x + step), 8, step, shape)
    cut, own = [], []
    for stack in (frame, spotted):
        network = Tracker(plain(small_model), stack, TrackerOptions(contrast_limits=(0.0, 2000.0))).network
        ((plate, _),) = arrange([view, beside], shape, 64)
        assert (plate.row, plate.column) == (view.y // step, view.x // step)
        assert plate.rows > view.tokens // 2
        with torch.inference_mode():
            cut.append(network.glance(0, [beside, view], keep=False).of([1]).stride4)
            own.append(network.features(0, [view], keep=False).stride4)
    for without, with_spot in (cut, own):
        change = (with_spot - without).abs().sum(1)[0]
        row, column = divmod(int(change.argmax()), change.shape[1])
        assert (row // 4, column // 4) == (token[0] - 2 * view.y // step, token[1] - 2 * view.x // step)


def plain(model: Sam2) -> Sam2:
    """The network with intensities as they are, so that one pixel does not change all of a window."""
    other = Sam2(replace(model.config, local_contrast=False)).eval().requires_grad_(False)
    other.load_state_dict(model.state_dict())
    return other


def test_features_cut_from_a_plate_are_those_of_the_window_but_at_its_borders(small_model: Sam2) -> None:
    rng = np.random.default_rng(0)
    shape = (40 * 8, 40 * 8)
    stack = rng.integers(0, 2000, (1, *shape)).astype(np.uint16)
    # 32 tokens: wide enough for a middle that the border does not reach.
    view = LatticeView.around((160, 160), 32, 8, shape)
    beside = LatticeView.around((190, 170), 32, 8, shape)
    network = Tracker(plain(small_model), stack, TrackerOptions(contrast_limits=(0.0, 2000.0))).network
    with torch.inference_mode():
        cut = network.glance(0, [view, beside], keep=False).of([0]).stride4
        own = network.features(0, [view], keep=False).stride4
    middle = slice(48, 80)
    torch.testing.assert_close(cut[..., middle, middle], own[..., middle, middle], atol=1e-4, rtol=1e-4)
    shifted = slice(49, 81)
    assert (cut[..., shifted, middle] - own[..., middle, middle]).abs().max() > 0.1


def test_plates_of_the_same_pixels_and_other_steps_are_kept_apart(small_model: Sam2, stack: np.ndarray) -> None:
    """60 pixels are 12 steps of 5 and 10 steps of 6; a window of them is something else again."""
    network = Tracker(small_model, stack).network
    fine, coarse, window = Plate(5, 0, 0, 12, 12), Plate(6, 0, 0, 10, 10), View(0, 0, 60, 60)
    assert fine.view == coarse.view == window
    with torch.inference_mode():
        for _ in range(2):
            assert network._plate(0, fine, keep=True).stride16.shape[-1] == 24
            assert network._plate(0, coarse, keep=True).stride16.shape[-1] == 20
            assert network.features(0, [window], keep=True).stride16.shape[-1] == 4
    assert len({id(network._plate(0, plate, keep=True)) for plate in (fine, fine, coarse)}) == 2, "they are kept"


def test_objects_that_share_plates_are_what_they_are_alone(small_model: Sam2, stack: np.ndarray) -> None:
    """Views, memory and ids are not mixed up between the members of a plate."""
    boxes = {1: [20, 15, 40, 40], 2: [50, 60, 75, 85], 3: [24, 19, 38, 36]}
    options = TrackerOptions(share_windows=True, one_owner=False, resolve_overlaps=False)

    def run(ids: list[int]) -> Tracker:
        tracker = Tracker(plain(small_model), stack, options)
        for object_id in ids:
            tracker.add_box(object_id, 0, boxes[object_id])
        list(tracker.propagate(stop=2))
        return tracker

    together = run([1, 2, 3])
    for object_id in boxes:
        shared, alone = (t._objects[object_id].bank.tracked[1] for t in (together, run([object_id])))
        assert shared.view == alone.view
        assert (shared.logits - alone.logits).abs().max() < 0.35 * alone.logits.std(), "borders differ, no more"


def test_small_windows_share_the_large_plates_of_a_model_that_wants_much() -> None:
    shape = (1024, 1024)
    line = np.linspace(64, 960, 8)
    views = [LatticeView.around((y, x), 16, 8, shape) for y in line for x in line]
    plates = arrange(views, shape, 64, 64)
    assert sorted(member for _, members in plates for member in members) == list(range(64))
    # 16 plates of 64 tokens would tile the frame; each window alone would take 64.
    assert len(plates) <= 24
    for plate, members in plates:
        assert max(plate.rows, plate.columns) <= 32
        for member in members:
            view = views[member]
            rows, columns = view.place_in(plate)
            assert 0 <= rows.start < rows.stop <= 2 * plate.rows
            assert 0 <= columns.start < columns.stop <= 2 * plate.columns


@given(shapes, centres, st.sampled_from([5, 16]), st.sampled_from([1, 4, 8]))
def test_windows_that_begin_at_multiples_still_have_their_centre_well_inside(
    shape: tuple[int, int], place: tuple[float, float], step: int, every: int
) -> None:
    centre = (place[0] * (shape[0] - 1), place[1] * (shape[1] - 1))
    view = LatticeView.around(centre, 32, step, shape, every=every)
    for start, length, middle in zip((view.y, view.x), shape, centre, strict=True):
        last = (-(-length // step) - 16) * step
        if last >= 0:
            assert start % (every * step) == 0 or start == last
            beside = start in (0, last)  # at the border, the window cannot move on
            assert beside or abs(start + view.height / 2 - middle) <= (every / 2 + 1) * step
            assert start <= middle + 0.5 <= start + view.height


def test_a_plate_holds_the_windows_in_it_and_no_others() -> None:
    plate = LatticeView(32, 64, 128, 128, 8).plate
    assert plate == Plate(8, 4, 8, 16, 16)
    assert plate.holds(LatticeView(32, 64, 64, 64, 8))
    assert plate.holds(LatticeView(96, 128, 64, 64, 8))
    assert not plate.holds(LatticeView(24, 64, 64, 64, 8)), "above"
    assert not plate.holds(LatticeView(32, 136, 64, 64, 8)), "to the right"
    assert not plate.holds(LatticeView(32, 64, 64, 64, 16)), "of another scale"


def test_neighbours_are_prompted_and_remembered_out_of_one_encoding(
    whole_frame_model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discs of 20 pixels in a frame of 1024: with a plate of its own each, there would be six encodings."""
    model = Sam2(replace(whole_frame_model.config, image_size=512)).eval().requires_grad_(False)
    model.load_state_dict(whole_frame_model.state_dict())
    encoded = []
    real = Sam2.encode_image
    monkeypatch.setattr(Sam2, "encode_image", lambda self, images: encoded.append(images) or real(self, images))
    stack = np.random.default_rng(0).random((2, 1024, 1024), np.float32)
    y, x = np.mgrid[:1024, :1024]
    tracker = Tracker(model, stack)
    for number, place in enumerate([(360, 360), (360, 390), (380, 370), (390, 400), (400, 360), (410, 390)], start=1):
        tracker.add_mask(number, 0, np.hypot(y - place[0], x - place[1]) < 10)
    with torch.inference_mode():
        for thing in tracker.wanted():
            tracker.prepare(thing, 0)
    assert len(encoded) == 1
    memories = [tracker._objects[number].bank.conditioning[0] for number in range(1, 7)]
    assert {memory.map.shape[-1] for memory in memories} == {16}, "parts of the plate"
    assert not torch.equal(memories[0].map, memories[1].map)
