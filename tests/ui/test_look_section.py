"""The controls that say how the image is seen, in the real widget with real events of Qt."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel

from napari_sam2.session.folder import open_folder
from napari_sam2.ui.widget import SegmentStackWidget

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def desk(make_napari_viewer_proxy, qtbot, backend, stack):
    """(viewer, widget) on a recording; the window has the size of a small laptop's screen."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1280, 800)
    viewer.add_image(stack, name="cells")
    widget = SegmentStackWidget(viewer, backend=backend)
    viewer.window.add_dock_widget(widget, name="Segment stack")
    qtbot.wait(50)
    yield viewer, widget
    backend.gate.set()


def choose(widget, name, text):
    """Take an entry of a combo box, as a user does with the keyboard."""
    combo = widget.findChild(QComboBox, name)
    assert combo.isEnabled(), name
    row = combo.findText(text)
    assert row >= 0, [combo.itemText(row) for row in range(combo.count())]
    combo.setCurrentIndex(row)
    combo.activated.emit(row)


def test_the_section_is_folded_away_and_opens_with_a_picture(desk, qtbot):
    viewer, widget = desk
    section = widget.form.look
    assert section.content().height() == 0
    assert not widget.controller.looking.watched
    folded = widget.form.sizeHint().height()
    qtbot.mouseClick(section.toggleButton(), LEFT)
    picture = widget.findChild(QLabel, "model_picture")
    qtbot.waitUntil(lambda: not picture.pixmap().isNull(), timeout=30_000)
    assert widget.form.sizeHint().height() > folded + 150
    dark = picture.pixmap().toImage().pixelColor(2, 2).lightness()
    qtbot.mouseClick(widget.findChild(QCheckBox, "inverted"), LEFT, pos=widget.findChild(QCheckBox).rect().center() / 4)
    assert widget.controller.workspace.look.invert
    qtbot.waitUntil(lambda: picture.pixmap().toImage().pixelColor(2, 2).lightness() > dark + 100, timeout=10_000)
    choose(widget, "contrast", "Each frame by itself")
    assert widget.controller.workspace.look.contrast == "frame"
    gamma = widget.findChild(QDoubleSpinBox, "gamma")
    gamma.setValue(0.5)
    assert viewer.layers["cells"].gamma == 0.5
    viewer.layers["cells"].gamma = 1.5
    widget._render()
    assert gamma.value() == 1.5
    qtbot.mouseClick(section.toggleButton(), LEFT)
    assert not widget.controller.looking.watched


def test_everyday_controls_need_no_scrolling(desk, qtbot):
    _, widget = desk
    area = widget.form.parentWidget()
    assert widget.form.minimumSizeHint().height() <= area.height()
    assert widget.form.minimumSizeHint().width() <= area.width()


@pytest.mark.parametrize(("labels", "name"), [(("t", "c", "y", "x"), "c"), (None, "axis 1")])
def test_an_axis_of_channels_is_called_as_in_the_other_lists(desk, stack, labels, name):
    viewer, widget = desk
    viewer.add_image(np.stack([stack] * 3, axis=1), name="4-D", axis_labels=labels)
    widget.controller.set_image(viewer.layers["4-D"])
    widget._render()
    axes = widget.findChild(QComboBox, "frame_axis")
    assert axes.itemText(axes.findData(1)) == f"{name}: 3 frames"
    channels = widget.findChild(QComboBox, "channels")
    assert channels.itemText(channels.findData("axis")) == f"{name} in 3 colours"


def test_only_stacks_with_another_axis_offer_to_sweep_it(desk, stack):
    viewer, widget = desk
    combo = widget.findChild(QComboBox, "other_axis")
    assert not combo.isVisible()
    viewer.add_image(np.stack([stack] * 3, axis=1), name="4-D", axis_labels=("t", "z", "y", "x"))
    widget.controller.set_image(viewer.layers["4-D"])
    widget._render()
    assert combo.isVisible()
    assert [combo.itemText(row) for row in range(combo.count())] == ["z: only the one shown", "z: all 3, linked"]
    choose(widget, "other_axis", "z: all 3, linked")
    work = widget.controller.workspace
    assert (work.axes.frame, work.axes.swept) == (0, 1)
    assert widget.form.last_frame.value() == 5, "the range counts time points"
    widget.form.first_frame.setValue(2)
    assert widget._range() == (6, 17)
    choose(widget, "frame_axis", "z: 3 frames")
    assert (work.axes.frame, work.axes.swept) == (1, None)


def test_the_switch_for_ends_is_there_in_depth_alone_and_kept_with_the_session(desk, stack, qtbot, tmp_path):
    viewer, widget = desk
    switch = widget.findChild(QCheckBox, "ends_in_depth")
    assert not switch.isVisible()
    viewer.add_image(stack, name="volume", axis_labels=("z", "y", "x"))
    control = widget.controller
    control.set_image(viewer.layers["volume"])
    widget._render()
    assert switch.isVisible()
    assert switch.isChecked()
    assert control.workspace.stack(()).ends
    qtbot.mouseClick(switch, LEFT, pos=QPoint(8, switch.height() // 2))
    assert not switch.isChecked()
    assert not control.workspace.stack(()).ends
    control.workspace.points.layer.add([0, 15, 20])
    control.save_session(tmp_path / "kept")
    qtbot.waitUntil(lambda: not control.keeping.busy)
    assert open_folder(tmp_path / "kept").image.ends is False
    qtbot.mouseClick(switch, LEFT, pos=QPoint(8, switch.height() // 2))
    assert control.workspace.look.ends
    control.open_session(tmp_path / "kept")
    qtbot.waitUntil(lambda: not control.keeping.busy and not switch.isChecked(), timeout=10_000)
    assert not control.workspace.look.ends


def test_levels_are_offered_for_multiscale_images_alone(desk, stack):
    viewer, widget = desk
    levels = widget.findChild(QComboBox, "resolution")
    widget.form.look.toggleButton().click()
    assert not levels.isVisible()
    viewer.add_image([stack, stack[:, ::2, ::2]], multiscale=True, name="pyramid")
    widget.controller.set_image(viewer.layers["pyramid"])
    widget._render()
    assert levels.isVisible()
    choose(widget, "resolution", "1/2, 30 × 40")
    assert widget.controller.workspace.axes.shape == (6, 30, 40)


def test_the_path_of_masks_on_the_disk_is_shown(desk, stack, monkeypatch, tmp_path):
    from napari_sam2.ui import objects_layer

    viewer, widget = desk
    line = widget.findChild(QLabel, "masks_path")
    assert not line.isVisible()
    monkeypatch.setattr(objects_layer, "largest_in_memory", lambda: 0)
    monkeypatch.setattr(objects_layer, "masks_folder", lambda: tmp_path)
    viewer.add_image(np.concatenate([stack, stack]), name="long")
    widget.controller.set_image(viewer.layers["long"])
    widget._render()
    assert line.isVisible()
    assert str(tmp_path) in line.text()
