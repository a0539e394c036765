"""How an image is seen: axes, contrast, channels, levels; masks on the disk. Without Qt, on viewer models."""

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image

from napari_sam2.session.folder import open_folder
from napari_sam2.tracking.contrast import Contrast
from napari_sam2.ui import geometry, objects_layer, workspaces
from napari_sam2.ui.geometry import (
    Axes,
    choose_level,
    finest_level,
    guessed_axes,
    image_shape,
    level_of,
    level_texts,
    pixel_aspect,
    placement,
)
from napari_sam2.ui.keeping import Keeper
from napari_sam2.ui.objects_layer import can_take
from napari_sam2.ui.scene import Look, Scene, channel_axis, composable, contrast_of, picture_of, scene_of


def opened(*images: Image) -> ViewerModel:
    viewer = ViewerModel()
    for image in images:
        viewer.add_layer(image)
    return viewer


# Axes ----------------------------------------------------------------------------------------------------------------


def test_the_frame_axis_is_guessed_from_labels_units_and_sliders():
    array = np.zeros((3, 4, 20, 30))
    named = Image(array, axis_labels=("z", "t", "y", "x"))
    assert guessed_axes(named, opened(named).dims).frame == 1
    timed = Image(array, units=("um", "s", "um", "um"))
    assert guessed_axes(timed, opened(timed).dims).frame == 1
    plain = Image(np.zeros((20, 30, 4)))
    viewer = opened(plain)
    assert guessed_axes(plain, viewer.dims).frame == 0
    viewer.dims.order = (2, 0, 1)
    assert guessed_axes(plain, viewer.dims).frame == 2
    viewer.add_image(np.zeros((2, 3, 20, 30, 4)))  # more axes than the image has
    assert guessed_axes(plain, viewer.dims).frame == 2


def test_choosing_a_frame_axis_turns_the_viewer_to_its_frames(open_session, backend, disc):
    volume = np.zeros((60, 6, 80), np.uint16)
    for frame in range(6):
        volume[:, frame] = 200 * disc(frame)
    session = open_session(volume, scale=(1, 1, 1))
    session.controller.set_frame_axis(1)
    assert session.viewer.dims.order == (1, 0, 2)
    assert session.controller.workspace.flat()
    session.viewer.dims.set_current_step(1, 2)
    session.click(17, 2, 24)
    session.settle()
    np.testing.assert_array_equal(session.labels[:, 2] > 0, disc(2))
    session.propagate(last=5)
    for frame in range(6):
        np.testing.assert_array_equal(session.labels[:, frame] > 0, disc(frame))
    assert session.told == []


def test_an_axis_is_swept_with_one_object_in_all_of_it(open_session, stack):
    both = np.stack([stack, stack], axis=1)  # (t, z, y, x)
    session = open_session(both, axis_labels=("t", "z", "y", "x"))
    session.click(1, 1, 16, 22)
    session.settle()
    session.controller.set_frame_axis(0, 1)
    work = session.controller.workspace
    assert (work.axes.swept, work.axes.frames) == (1, 12)
    assert work.document.prompt((), 1, 3) is not None, "the click keeps its place"
    session.propagate(first=0, last=11)
    assert all(labels.any() for labels in session.labels.reshape(12, 60, 80))
    scene = work.stack(())
    assert (scene.slices, scene.shape) == (2, (12, 60, 80))
    np.testing.assert_array_equal(scene[5], both[2, 1])
    session.click(4, 0, 19, 28)
    session.settle()
    assert "frames 2–5 of object 1" in session.controller.hint, "time points, not slices counted through"


def test_of_a_volume_over_time_time_point_and_slice_are_told(open_session, stack):
    session = open_session(np.stack([stack] * 2, axis=1), axis_labels=("t", "z", "y", "x"))
    session.controller.set_frame_axis(0, 1)
    session.viewer.dims.set_current_step(0, 2)
    session.viewer.dims.set_current_step(1, 1)
    history = session.document.history
    session.click(2, 1, 17, 24)
    assert history.undo_text == "prompt of object 1 on frame 2, slice 1"
    session.settle()
    session.controller.accept_frame()
    assert history.undo_text == "accept frame 2, slice 1"
    session.controller.accept()
    assert session.told[-1] == ("info", "Frame 2, slice 1 is accepted as a whole. Take that back first (Shift-U).")


def test_a_correction_of_a_volume_reaches_whole_time_points_and_not_that_of_the_first_click(open_session, stack):
    session = open_session(np.stack([stack] * 3, axis=1), axis_labels=("t", "z", "y", "x"))
    session.controller.set_frame_axis(0, 1)
    session.click(1, 0, 16, 22)
    session.settle()
    session.propagate(first=0, last=17)
    assert session.document.done(1) == set(range(18))
    session.click(3, 1, 18, 26)
    session.settle()
    assert session.document.done(1) == {0, 1, 2, 3, 4, 5}, "the slices of the first click's time point are not in doubt"
    assert "frames 2–5 of object 1" in session.controller.hint
    session.document.undo()
    session.document.lock(1, 14)
    session.document.replace_points({(): {(1, 3): (((16, 22),), (1,)), (1, 8): (((17, 24),), (1,))}})
    assert session.document.done(1) == {*range(6), *range(12, 18)}, "up to the time point that has an accepted slice"


# Contrast ------------------------------------------------------------------------------------------------------------


def test_the_contrast_is_that_of_the_layer(open_session, stack):
    session = open_session(stack, contrast_limits=(10, 150))
    work, layer = session.controller.workspace, session.viewer.layers["cells"]
    first = work.stack(())
    assert first.contrast == Contrast.between(10, 150)
    assert work.stack(()) is first, "the same as long as nothing has changed"
    layer.contrast_limits = (20, 100)
    layer.gamma = 0.5
    assert work.stack(()) is not first
    assert work.stack(()).contrast == Contrast.between(20, 100, gamma=0.5)
    session.controller.looking.set_look(contrast="frame", invert=True)
    assert work.stack(()).contrast == Contrast("frame", gamma=0.5, invert=True)
    session.controller.looking.set_look(contrast="percentiles", invert=False)
    assert work.stack(()).contrast == Contrast("percentiles", gamma=0.5)


def test_another_look_makes_the_visible_masks_anew_and_the_others_with_the_next_run(session, backend):
    session.click(0, 15, 20)
    session.propagate()
    assert len(session.document.done(1)) == 6
    looks = backend.count("predict")
    session.viewer.dims.set_current_step(0, 0)
    session.controller.looking.set_look(invert=True)
    session.settle()
    assert backend.count("predict") == looks + 1
    assert not session.document.done(1)


def test_while_frames_are_segmented_the_look_stays(session, backend):
    session.click(0, 15, 20)
    session.settle()
    backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.controller.looking.set_look(invert=True)
    assert not session.controller.looking.look.invert
    assert "Cancel" in session.told[-1][1]
    backend.gate.set()


@pytest.mark.parametrize("limits", [(0, 0), (np.nan, 1)])
def test_limits_that_say_nothing_are_left_to_the_tracker(limits):
    image = Image(np.zeros((2, 8, 8)))
    fake = type("Layer", (), {"contrast_limits": limits, "gamma": 1.0, "rgb": False})()
    assert contrast_of(fake, Look()) == Contrast()
    assert contrast_of(Image(np.zeros((2, 8, 8, 3), np.uint8), rgb=True), Look()) == Contrast()
    assert scene_of(image, Axes((2, 8, 8), 0), (), Look(), [image]).contrast.kind == "limits"


def test_the_picture_shows_what_the_model_sees():
    ramp = np.linspace(0, 200, 40 * 80).reshape(1, 40, 80)
    picture = picture_of(Scene(ramp, contrast=Contrast.between(0, 100, invert=True)), 0, 20)
    assert picture.shape == (10, 20, 3)
    assert picture.dtype == np.uint8
    assert picture[0, 0, 0] > 220
    assert picture[-1].max() == 0
    assert picture_of(Scene(ramp, aspect=4), 0, 100).shape == (100, 50, 3)


def test_the_picture_is_made_only_when_somebody_looks(session):
    looking, shown = session.controller.looking, []
    looking.pictured.connect(lambda picture, words: shown.append(picture))
    looking.refresh()
    assert not session.loop.timers
    looking.watched = True
    looking.refresh()
    looking.refresh()
    assert len(session.loop.timers) == 1
    session.loop.timers.pop()()
    session.loop.until(lambda: shown)
    assert shown[0].shape[2] == 3
    looking._ask()
    session.loop.turn()
    assert len(shown) == 1, "the same picture is not made twice"


# Channels ------------------------------------------------------------------------------------------------------------


def test_visible_images_are_composed_in_their_colours(open_session, stack):
    session = open_session(stack, colormap="red", blending="additive", contrast_limits=(0, 200))
    green = session.viewer.add_image(stack[:, ::-1], name="green", colormap="green", blending="additive")
    green.contrast_limits = (0, 400)
    session.viewer.add_image(stack * 0 + 1, name="hidden", visible=False)
    session.viewer.add_image(np.zeros((2, 5, 5)), name="smaller")
    session.viewer.add_image(stack, name="elsewhere", translate=(0, 5, 5))
    work = session.controller.workspace
    session.controller.looking.set_look(channels="visible")
    scene = work.stack(())
    assert len(scene.channels) == 2
    picture = picture_of(scene, 0, 200)
    assert picture[15, 20].tolist()[0] == 255
    assert picture[59 - 15, 20].tolist() == [0, 128, 0]
    green.visible = False
    assert len(work.stack(()).channels) == 1
    green.visible = True
    green.colormap = "blue"
    assert picture_of(work.stack(()), 0, 200)[59 - 15, 20].tolist() == [0, 0, 128]


def test_an_axis_of_channels_becomes_colours():
    array = np.zeros((3, 2, 20, 30), np.uint16)
    array[:, 0, :10], array[:, 1, 10:] = 100, 3000
    image = Image(array, axis_labels=("t", "c", "y", "x"))
    axes = guessed_axes(image, opened(image).dims)
    assert (axes.frame, channel_axis(axes, image.axis_labels)) == (0, 1)
    scene = scene_of(image, axes, (0,), Look(channels="axis"), [image])
    picture = picture_of(scene, 1, 30)
    assert picture[2, 5].tolist() == [255, 0, 255]
    assert picture[15, 5].tolist() == [0, 255, 0]
    assert channel_axis(Axes((3, 20, 30), 0), "tyx") is None


def test_the_image_itself_is_composed_even_when_it_is_hidden():
    image, other = Image(np.zeros((2, 8, 8)), visible=False), Image(np.zeros((2, 8, 8)))
    assert composable(image, [image, other]) == [image, other]


# Levels --------------------------------------------------------------------------------------------------------------


def pyramid(dtype=np.uint16) -> list[np.ndarray]:
    fine = np.zeros((3, 64, 96), dtype)
    fine[:, 20:36, 40:60] = 200
    return [fine, fine[:, ::2, ::2], fine[:, ::4, ::4]]


def test_the_finest_level_that_memory_allows():
    shapes = [(9, 4000, 4000), (9, 2000, 2000), (9, 1000, 1000)]
    assert finest_level(shapes, False, 2**30) == 0
    assert finest_level(shapes, False, 100 * 2**20) == 1
    assert finest_level(shapes, False, 1) == 2
    assert finest_level([(9, 2000, 2000, 3), (9, 100, 100, 3)], True, 100 * 2**20) == 1


@pytest.mark.parametrize("level", [0, 1, 2])
def test_layers_of_a_level_lie_where_the_image_lies(level):
    image = Image(
        pyramid(),
        multiscale=True,
        scale=(2, 0.5, 0.25),
        translate=(1, 2, 3),
        rotate=[[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]],
    )
    choose_level(image, level)
    assert level_of(image) == level
    assert image_shape(image) == (3, 64 // 2**level, 96 // 2**level)
    other = Image(np.zeros(image_shape(image)), **placement(image))
    for corner in ((0, 0, 0), (1, 10, 7)):
        fine = [corner[0], *((value + 0.5) * 2**level - 0.5 for value in corner[1:])]
        np.testing.assert_allclose(other.data_to_world(corner), image.data_to_world(fine))


def test_a_coarser_level_is_clicked_and_filled(open_session, monkeypatch):
    session = open_session(pyramid(), multiscale=True, scale=(1, 0.1, 0.1))
    work = session.controller.workspace
    assert work.axes.shape == (3, 64, 96)
    session.controller.looking.set_level(1)
    work = session.controller.workspace
    assert work.axes.shape == (3, 32, 48)
    assert work.stack(()).shape == (3, 32, 48)
    layer = session.viewer.layers["SAM 2 points"]
    session.click(*layer.world_to_data((0, 2.8, 5.0)))
    session.settle()
    assert (session.labels[0] > 0).sum() == 80
    monkeypatch.setattr(geometry, "frame_memory", lambda: 1)
    assert work.fits(), "other preferences do not change what is open"
    assert level_texts(session.viewer.layers["cells"]) == ["full, 64 × 96", "1/2, 32 × 48", "1/4, 16 × 24"]
    session.controller.looking.set_level(0)
    assert session.controller.workspace.axes.shape == (3, 64, 96)
    assert "SAM 2 objects (cells)" in session.viewer.layers, "what was made on the other level is kept"


def test_too_large_an_image_opens_at_the_level_that_fits(open_session, monkeypatch):
    monkeypatch.setattr(geometry, "frame_memory", lambda: 16 * 32 * 48)
    session = open_session(pyramid(), multiscale=True)
    assert session.controller.workspace.axes.shape == (3, 32, 48)


@pytest.mark.parametrize(
    ("scale", "units", "frame", "expected"),
    [
        ((1, 0.2, 0.2), ("um", "um", "um"), 1, 5),
        ((1, 0.2, 0.2), ("um", "um", "um"), 0, 1),
        ((1, 200, 200), ("um", "nm", "nm"), 1, 5),
        ((1, 0.2, 0.2), ("s", "um", "um"), 1, 1),
        ((1, 0.4, 0.2), ("pixel", "pixel", "pixel"), 0, 2),
    ],
)
def test_the_aspect_of_pixels_is_that_of_the_world(scale, units, frame, expected):
    image = Image(np.zeros((4, 20, 30)), scale=scale, units=units)
    assert pixel_aspect(image, Axes((4, 20, 30), frame)) == pytest.approx(expected)


# Masks on the disk ---------------------------------------------------------------------------------------------------


@pytest.fixture
def on_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(objects_layer, "largest_in_memory", lambda: 1000)
    monkeypatch.setattr(objects_layer, "masks_folder", lambda: tmp_path / "masks")
    return tmp_path / "masks"


def test_masks_of_a_large_stack_are_on_the_disk_and_the_user_is_told(open_session, stack, on_disk, disc):
    session = open_session(da.from_array(stack, chunks=(1, 60, 80)))
    (path,) = on_disk.iterdir()
    assert path.name.startswith("cells-")
    assert session.controller.workspace.masks_path == path
    assert isinstance(session.labels, zarr.Array), "napari itself has the array, so painting reaches the disk"
    session.loop.turn()
    session.click(0, 15, 20)
    session.settle()
    session.propagate()
    stored = zarr.open_array(path, mode="r")
    for frame in range(6):
        np.testing.assert_array_equal(stored[frame] > 0, disc(frame))
    layer = session.viewer.layers["SAM 2 objects"]
    layer.data_setitem((np.array([5]), np.array([0]), np.array([0])), 7)
    assert stored[5, 0, 0] == 7
    layer.undo()
    assert stored[5, 0, 0] == 0
    session.controller.undo()
    assert stored[5].max() == 0
    assert can_take(layer, Axes((6, 60, 80), 0))


def test_the_user_is_told_where_masks_lie(session, stack, on_disk):
    session.viewer.add_image(np.concatenate([stack, stack]), name="other/one")
    session.controller.set_image(session.viewer.layers["other/one"])
    assert session.told[-1][0] == "info"
    assert str(next(on_disk.iterdir())) in session.told[-1][1]


def test_a_folder_that_cannot_be_written_is_named(session, stack, on_disk, monkeypatch):
    on_disk.write_text("a file is in the way")
    monkeypatch.setattr(workspaces, "masks_folder", lambda: on_disk)
    before = session.controller.workspace
    session.viewer.add_image(np.concatenate([stack, stack]), name="other")
    session.controller.set_image(session.viewer.layers["other"])
    level, text = session.told[-1]
    assert level == "error"
    assert str(on_disk) in text
    assert "Preferences" in text
    assert session.controller.workspace is before


# Stopping ------------------------------------------------------------------------------------------------------------


def test_cancelled_frames_that_wait_are_not_begun(session, backend):
    session.click(0, 15, 20)
    session.settle()
    backend.gate.clear()
    session.controller.propagate("forward", 0, 5)
    session.loop.until(lambda: backend.count("step") == 1)
    session.controller.cancel()
    backend.gate.set()
    session.settle()
    assert backend.count("step") == 1
    session.propagate("forward")
    assert all(labels.any() for labels in session.labels), "what was not begun is done when it goes on"


def test_what_waits_to_be_saved_survives_a_change_of_axes(open_session, stack, tmp_path):
    session = open_session(np.stack([stack] * 2, axis=1), axis_labels=("t", "z", "y", "x"))
    work, failed = session.controller.workspace, []
    keeper = Keeper(work, tmp_path / "kept", session.loop, 60.0, failed.append)
    session.click(1, 1, 16, 22)
    session.settle()
    # Written at once, and then not again for a minute.
    session.loop.until((tmp_path / "kept" / "session.json").exists)
    session.click(3, 0, 18, 26)
    session.settle()
    session.controller.set_frame_axis(0, 1)
    session.loop.turn()
    keeper.close()
    session.loop.turn()
    assert failed == []
    np.testing.assert_array_equal(np.asarray(open_folder(tmp_path / "kept").masks), session.labels)
    assert session.labels[3, 0].any()


def test_what_was_made_along_other_axes_does_not_stand_in_the_way_of_saving(open_session, stack, tmp_path):
    session = open_session(np.stack([stack] * 2, axis=1), axis_labels=("t", "z", "y", "x"))
    session.viewer.dims.set_current_step(1, 1)
    session.click(0, 1, 15, 20)
    session.settle()
    session.propagate(last=5)
    assert session.document.scores.present((1,), 1) == set(range(6))
    session.controller.set_frame_axis(0, 1)
    assert list(session.document.scores.rows()) == [], "frames are others now"
    session.click(0, 0, 15, 20)
    session.settle()
    session.controller.save_session(tmp_path / "kept")
    session.loop.until(lambda: not session.controller.keeping.busy)
    assert [level for level, _ in session.told] == ["info"]
    assert list(open_folder(tmp_path / "kept").scores) == [((), 1)]


def test_frames_are_depth_by_the_name_or_the_unit_of_their_axis(open_session, stack):
    for kwargs, depth in (
        ({"axis_labels": ("z", "y", "x")}, True),
        ({"axis_labels": ("t", "y", "x")}, False),
        ({"units": ("um", "um", "um")}, True),
        ({"units": ("s", "um", "um")}, False),
        ({}, False),
    ):
        session = open_session(stack, **kwargs)
        assert session.controller.workspace.stack(()).ends is depth, kwargs
    session.controller.set_frame_axis(1)
    assert session.controller.workspace.stack(()).ends, "from the side"
