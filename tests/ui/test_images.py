"""Every kind of image: scaled, moved, colour, single, 4-D, other frame axes, lazy, multiscale; and changing images."""

import threading

import dask
import dask.array as da
import numpy as np
import pytest

POINTS, BOXES, OBJECTS = "SAM 2 points", "SAM 2 boxes", "SAM 2 objects"


def test_layers_lie_on_a_scaled_and_moved_image(open_session, stack, disc):
    session = open_session(
        stack, scale=(1, 0.2, 0.2), translate=(0, 30, -7), units=("s", "um", "um"), axis_labels=("t", "y", "x")
    )
    image = session.viewer.layers["cells"]
    for name in (POINTS, BOXES, OBJECTS):
        layer = session.viewer.layers[name]
        np.testing.assert_allclose(layer.scale, (1, 0.2, 0.2))
        np.testing.assert_allclose(layer.translate, (0, 30, -7))
        assert layer.units == image.units
        assert layer.axis_labels == ("t", "y", "x")
    session.click(3, 18, 26)
    session.propagate()
    np.testing.assert_array_equal(session.labels, np.stack([disc(frame) for frame in range(6)]))


@pytest.mark.parametrize("scale", [(1, 1, 1), (3, 0.2, 0.2)])
def test_the_visible_frame_is_found_at_any_scale(open_session, stack, scale):
    session = open_session(stack, scale=scale, translate=(7, 0, 0))
    session.viewer.dims.set_current_step(0, 4)
    assert session.controller.workspace.visible() == ((), 4)


def test_colour_stacks(open_session, stack, disc):
    colour = np.repeat(stack.astype(np.uint8)[..., None], 3, axis=-1)
    session = open_session(colour, rgb=True)
    assert session.labels.shape == stack.shape
    session.click(1, 16, 22)
    session.propagate()
    np.testing.assert_array_equal(session.labels == 1, np.stack([disc(frame) for frame in range(6)]))


def names(session) -> list[str]:
    return [layer.name for layer in session.viewer.layers]


OURS = ["SAM 2 objects", "SAM 2 boxes", "SAM 2 points"]


def test_images_that_are_opened_on_top_do_not_cover_the_masks(session, stack):
    session.viewer.add_labels(stack, name="own")
    for name in ("second", "third"):
        session.viewer.add_image(stack, name=name)
    session.loop.turn()
    assert names(session) == ["cells", "second", "third", *OURS, "own"]
    assert session.controller.workspace.image.name == "cells"


def test_the_order_of_layers_is_left_to_the_user_otherwise(session, stack):
    layers = session.viewer.layers
    over = session.viewer.add_image(stack, name="over")
    session.loop.turn()
    layers.move(layers.index(over), len(layers))
    session.click(0, 15, 20)
    session.settle()
    assert names(session) == ["cells", *OURS, "over"]
    last = session.viewer.add_image(stack, name="last")
    session.loop.turn()
    assert names(session) == ["cells", *OURS, "over", "last"]
    layers.remove(last)
    over.visible = False
    session.viewer.add_image(stack, name="last")
    session.loop.turn()
    assert names(session) == ["cells", "last", *OURS, "over"]


def test_a_single_image_is_one_frame(open_session, stack, disc):
    session = open_session(stack[0])
    session.click(15, 20)
    session.settle()
    np.testing.assert_array_equal(session.labels == 1, disc(0))
    assert session.controller.workspace.axes.frame is None
    assert "All frames" not in session.controller.hint


def test_the_frame_axis_may_be_the_last(open_session, stack, disc):
    session = open_session(np.moveaxis(stack, 0, 2))
    session.controller.set_frame_axis(2)
    session.click(15, 20, 0)
    session.propagate()
    np.testing.assert_array_equal(session.labels == 1, np.stack([disc(frame) for frame in range(6)], axis=2))


def test_in_4d_the_other_axis_stays_where_the_slider_stands(open_session, stack, disc):
    deep = np.stack([np.zeros_like(stack), stack, stack[:, ::-1]], axis=1)
    session = open_session(deep)
    session.viewer.dims.set_current_step(1, 1)
    session.click(0, 1, 15, 20)
    session.propagate()
    assert not session.labels[:, [0, 2]].any()
    np.testing.assert_array_equal(session.labels[:, 1] == 1, np.stack([disc(frame) for frame in range(6)]))
    # Another plane has prompts of its own, those of the first are kept.
    session.viewer.dims.set_current_step(1, 2)
    session.propagate()
    assert "on this plane" in session.told[-1][1]
    session.click(0, 2, 59 - 15, 20)
    session.propagate()
    assert session.labels[:, 2].any(axis=(1, 2)).all()
    np.testing.assert_array_equal(session.labels[:, 1] == 1, np.stack([disc(frame) for frame in range(6)]))


def test_in_4d_z_may_be_what_is_followed(open_session, stack, disc):
    deep = np.stack([np.zeros_like(stack), stack], axis=0)
    session = open_session(deep)
    session.viewer.dims.set_current_step(0, 1)
    session.click(1, 2, 17, 24)
    session.settle()
    assert session.document.prompts((2,)).keys() == {(1, 1)}
    session.controller.set_frame_axis(1)
    assert session.document.prompts((1,)).keys() == {(1, 2)}
    session.propagate()
    np.testing.assert_array_equal(session.labels[1] == 1, np.stack([disc(frame) for frame in range(6)]))


def test_another_frame_axis_is_refused_while_boxes_do_not_fit(open_session, stack):
    session = open_session(stack)
    session.viewer.layers[BOXES].add_rectangles([[0, 5, 10], [0, 5, 30], [0, 25, 30], [0, 25, 10]])
    session.controller.set_frame_axis(1)
    assert "Delete the boxes first" in session.told[0][1]
    assert session.controller.workspace.axes.frame == 0
    assert session.document.prompt((), 1, 0).box == (5, 10, 25, 30)


def test_a_lazy_stack_is_read_frame_by_frame(open_session, stack, disc):
    read = []

    def block(block_id):
        # The thread that saves reads a few frames for the image's fingerprint, whenever it comes to it.
        if threading.current_thread().name != "napari-sam2-autosave":
            read.append(block_id[0])
        return stack[block_id[0]][None]

    lazy = da.map_blocks(
        block, chunks=((1,) * 6, (60,), (80,)), dtype=stack.dtype, meta=np.empty((0, 0, 0), stack.dtype)
    )
    # Blocks are made on the thread that asks for them, so that it can be told who asked.
    with dask.config.set(scheduler="synchronous"):
        session = open_session(lazy, contrast_limits=(0, 255))
        read.clear()
        session.click(4, 19, 28)
        session.settle()
    assert set(read) == {4}
    np.testing.assert_array_equal(session.labels[4] == 1, disc(4))


def test_a_multiscale_image_is_segmented_at_full_resolution(open_session, stack, disc):
    session = open_session([stack, stack[:, ::2, ::2]], multiscale=True)
    assert session.labels.shape == stack.shape
    session.click(2, 17, 24)
    session.settle()
    np.testing.assert_array_equal(session.labels[2] == 1, disc(2))


# Coming, going, changing


def test_another_image_puts_the_layers_away_and_back(session, stack):
    session.click(0, 15, 20)
    session.propagate()
    first = session.labels
    other = session.viewer.add_image(stack[:3, ::-1], name="other", scale=(1, 2, 2))
    session.loop.turn()
    assert session.controller.workspace.image.name == "cells"
    session.controller.set_image(other)
    assert session.labels.shape == (3, 60, 80)
    assert not session.labels.any()
    np.testing.assert_allclose(session.viewer.layers[POINTS].scale, (1, 2, 2))
    assert not session.viewer.layers[f"{OBJECTS} (cells)"].visible
    session.click(0, 59 - 15, 20)
    session.settle()
    assert session.labels[0].any()
    session.controller.set_image(session.viewer.layers["cells"])
    assert session.labels is first
    assert session.viewer.layers[OBJECTS].visible
    assert session.document.prompts().keys() == {(1, 0)}
    assert {layer.name for layer in session.viewer.layers} == {
        "cells", "other", POINTS, BOXES, OBJECTS, *(f"{name} (other)" for name in (POINTS, BOXES, OBJECTS))
    }  # fmt: skip


def test_an_untouched_image_leaves_no_empty_layers_behind(session, stack):
    other = session.viewer.add_image(stack, name="other")
    session.controller.set_image(other)
    assert sorted(layer.name for layer in session.viewer.layers) == sorted(["cells", "other", POINTS, BOXES, OBJECTS])


def test_a_removed_image_loses_nothing_and_may_come_back(session, stack):
    session.click(0, 15, 20)
    session.propagate()
    masks = session.labels
    session.viewer.layers.remove("cells")
    session.loop.turn()
    assert session.controller.workspace is None
    assert "was removed" in session.told[-1][1]
    assert session.labels is masks
    session.viewer.add_image(stack, name="cells")
    session.loop.turn()
    assert session.labels is masks
    assert session.document.prompts().keys() == {(1, 0)}
    assert [layer.name for layer in session.viewer.layers] == ["cells", OBJECTS, BOXES, POINTS]


def test_another_recording_of_the_same_name_and_shape_starts_anew(session, stack):
    session.click(0, 15, 20)
    session.propagate()
    session.viewer.layers.clear()
    session.loop.turn()
    session.viewer.add_image(stack[:, ::-1], name="cells")
    session.loop.turn()
    assert not session.labels.any()
    assert session.document.prompts() == {}


@pytest.mark.parametrize("current", [True, False])
def test_an_image_removed_beside_another_one_goes_on_when_it_is_opened_and_chosen_again(session, stack, current):
    session.click(0, 15, 20)
    session.propagate()
    session.document.rename(1, "mother")
    document, labels = session.document, session.labels
    other = session.viewer.add_image(stack[:, ::-1], name="other")
    session.loop.turn()
    if not current:
        session.controller.set_image(other)
    session.viewer.layers.remove("cells")
    session.loop.turn()
    assert session.controller.workspace.image.name == "other"
    again = session.viewer.add_image(stack, name="cells")
    session.loop.turn()
    session.controller.set_image(again)
    assert session.document is document
    assert session.document.name(1) == "mother"
    assert session.labels is labels
    assert [layer.name for layer in session.viewer.layers if layer.visible and layer.name.startswith("SAM 2")] == [
        OBJECTS,
        BOXES,
        POINTS,
    ]
    session.click(2, 17, 24)
    session.propagate()
    assert session.document.done(1) == set(range(6))


def test_an_image_and_all_its_layers_removed_beside_another_one_are_given_up(session, stack):
    session.click(0, 15, 20)
    session.settle()
    layers = list(session.controller.workspace.layers)
    session.controller.set_image(session.viewer.add_image(stack[:, ::-1], name="other"))
    for layer in (session.viewer.layers["cells"], *layers):
        session.viewer.layers.remove(layer)
    session.loop.turn()
    session.controller.set_image(session.viewer.add_image(stack, name="cells"))
    assert not session.document.has_prompts()
    assert not session.labels.any()


def test_an_image_removed_during_propagation_keeps_finished_frames(session, stack):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    run.advanced.connect(lambda *_: session.viewer.layers.remove("cells") if run.done == 3 else None)
    session.propagate()
    session.loop.until(lambda: session.controller.workspace is None)
    assert session.viewer.layers[OBJECTS].data[:3].any(axis=(1, 2)).all()
    session.viewer.add_image(stack[:, ::-1], name="another")
    session.loop.turn()
    assert session.viewer.layers[f"{OBJECTS} (cells)"].data.any()
    assert not session.labels.any()


def test_all_layers_removed_at_once_stay_removed(session):
    session.click(0, 15, 20)
    session.settle()
    session.viewer.layers.clear()
    session.loop.turn()
    assert len(session.viewer.layers) == 0
    assert session.controller.workspace is None


@pytest.mark.parametrize("name", [POINTS, BOXES, OBJECTS])
def test_a_deleted_layer_comes_back_as_it_was(session, name):
    session.click(0, 15, 20)
    session.viewer.layers[BOXES].add_rectangles([[1, 30, 40], [1, 30, 70], [1, 55, 70], [1, 55, 40]])
    session.settle()
    before = session.labels.copy()
    prompts = session.document.prompts()
    session.viewer.layers.remove(name)
    session.loop.turn()
    assert name in session.viewer.layers
    assert "was brought back" in session.told[-1][1]
    assert [layer.name for layer in session.viewer.layers] == ["cells", OBJECTS, BOXES, POINTS]
    assert session.document.prompts() == prompts
    np.testing.assert_array_equal(session.labels, before)
    # And it still works.
    session.controller.new_object()
    session.click(0, 40, 50)
    session.settle()
    assert (session.labels[0] == 2).any()


def test_a_renamed_layer_goes_on_working(session):
    session.viewer.layers[OBJECTS].name = "my cells"
    session.viewer.layers[POINTS].name = "my clicks"
    session.viewer.layers["my clicks"].add((0, 15, 20))
    session.settle()
    assert session.viewer.layers["my cells"].data.any()


def test_pixels_replaced_by_others_of_the_same_shape_are_used(session, stack, disc):
    session.click(0, 15, 20)
    session.settle()
    session.viewer.layers["cells"].data = np.ascontiguousarray(stack[:, ::-1])
    session.controller.new_object()
    session.click(0, 59 - 40, 50)
    session.settle()
    np.testing.assert_array_equal(session.labels[0] == 2, disc(0, 1)[::-1])


def test_pixels_replaced_by_others_of_another_shape_get_new_layers(session, stack):
    session.click(0, 15, 20)
    session.settle()
    session.viewer.layers["cells"].data = np.ascontiguousarray(stack[:4, :50])
    session.loop.turn()
    assert session.labels.shape == (4, 50, 80)
    assert "another shape" in session.told[-1][1]
    assert session.viewer.layers[f"{OBJECTS} (cells)"].data.any()
    session.click(0, 15, 20)
    session.settle()
    assert session.labels[0].any()


def test_layers_of_others_with_our_names_lose_nothing(open_session, stack):
    session = open_session()
    session.viewer.add_labels(np.ones((4, 20, 20), np.uint8), name=OBJECTS)
    session.viewer.add_points([[0, 15, 20], [0, 400, 400]], name=POINTS)
    session.viewer.add_shapes([np.array([[0, 300, 300], [0, 300, 340], [0, 340, 340], [0, 340, 300]])], name=BOXES)
    session.viewer.add_image(stack, name="cells")
    session.loop.turn()
    assert session.viewer.layers[OBJECTS].data.shape == (4, 20, 20)
    assert session.viewer.layers[POINTS].data.tolist() == [[0, 15, 20], [0, 400, 400]]
    assert len(session.viewer.layers[BOXES].data) == 1
    assert session.document.prompts() == {}
    session.viewer.layers[f"{POINTS} [1]"].add((0, 15, 20))
    session.settle()
    assert session.viewer.layers[f"{OBJECTS} [1]"].data[0].any()


def test_an_image_opened_after_its_prompts_does_not_cover_them(open_session, stack):
    session = open_session()
    session.viewer.add_points([[0, 15, 20]], name=POINTS)
    session.viewer.add_image(stack, name="cells")
    session.loop.turn()
    assert session.document.prompts().keys() == {(1, 0)}
    assert [layer.name for layer in session.viewer.layers] == ["cells", OBJECTS, BOXES, POINTS]
