"""The controls of the dock widget and where they stand. Nothing happens here."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.ui.combos import combo
from napari_sam2.ui.controls import tab_stop
from napari_sam2.ui.keys import key_of
from napari_sam2.ui.look_section import LookSection
from napari_sam2.ui.session_menu import Offer
from napari_sam2.ui.tools import PromptTools

DIRECTIONS = (("Both directions", "both"), ("Forward", "forward"), ("Backward", "backward"))

_PROPAGATE = {
    "Propagate": "Find the objects in all frames",
    "Queue": "Do what has changed, too, after the frames that are being segmented",
}
"""What the button that propagates can say, and what it does then."""
_GO_ON, _HOLD = "Go on with the frames", "Hold for a while; clicks are still answered"

_HINT_STYLE = (
    "QLabel#hint { background: rgba(0, 122, 204, 45); border-left: 3px solid rgb(0, 122, 204);"
    " border-radius: 3px; padding: 6px 8px; }"
)


class Form(QWidget):
    """All controls, each with its label in snake_case as objectName."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("segment_stack")
        self.hint = _hint()
        self.image = combo("image", "The image or stack to work on")
        self.frame_axis = combo("frame_axis", "The axis along which objects are followed: time, or z of a stack")
        self.other_axis = combo(
            "other_axis",
            "Of a stack with time and depth: stay on one slice, or follow objects through all slices at all times",
        )
        self.look = LookSection()
        self.masks_path = _path("masks_path")
        self.model = combo(
            "model",
            "micro comes with the plugin and works offline. SAM 2 and 2.1 are larger: better on large or unusual "
            "objects, slower, and downloaded once when chosen.",
        )
        self.manage = _button(
            "manage", "…", "Manage models: sizes, expected speed, downloads, files of your own, the folder of downloads"
        )
        self.manage.setMaximumWidth(32)
        self.device = combo("device", "Where the model runs; auto takes a graphics card when there is one")
        self.positive = _button("positive", "Positive", "Click what belongs to the object", checkable=True)
        self.negative = _button(
            "negative", "Negative", "Click what does not belong to it. Shift-click does it just once.", checkable=True
        )
        self.box = _button("box", "Box", "Drag a box around the object", checkable=True)
        self.tools = QButtonGroup(self)
        for button in (self.positive, self.negative, self.box):
            self.tools.addButton(button)
        self.prompt_tools = PromptTools(self.tools)
        self.object = combo("object", "The object that the next prompts belong to, in its colour")
        self.previous_object = _button("previous_object", "◀", "Previous object")
        self.next_object = _button("next_object", "▶", "Next object")
        self.new_object = _button("new_object", "New object", "The next click starts a new object")
        self.divide = _button(
            "divide",
            "Divide",
            "The object divides: on the first frame with two cells, press this, then click the cell that has no mask",
        )
        self.undo = _button("undo", "↶", "Take back")
        self.redo = _button("redo", "↷", "Make again what was taken back")
        self.accept = _button(
            "accept",
            "Accept",
            "This frame of the object is right: propagation leaves it alone and goes by it",
            checkable=True,
        )
        self.accept_frame = _button("accept_frame", "all", "Accept this frame of all objects", checkable=True)
        self.ends = tab_stop(
            QCheckBox("Objects end in depth"),
            "ends_in_depth",
            "An object ends where it fades or the next one begins, as nuclei do. Off: it goes on through all slices, "
            "as vessels do. With the published models, objects always go on.",
        )
        self.direction = combo("direction", "Where to follow the objects to, from the frames that you clicked in")
        self.first_frame = _spin("first_frame", "First frame to fill")
        self.last_frame = _spin("last_frame", "Last frame to fill")
        self.propagate = _button("propagate", "Propagate", _PROPAGATE["Propagate"])
        self.pause = _button("pause", "Pause", _HOLD)
        self.cancel = _button("cancel", "Cancel", "Stop. Finished frames stay, Propagate goes on from there.")
        self.progress = _progress()
        self.queued = QLabel()
        self.queued.setObjectName("queued")
        self.queued.setWordWrap(True)
        self.queued.setToolTip("What has changed by then comes after the frames that are being segmented")
        self.drop_queued = _button("drop_queued", "✕", "Do not do this")
        self.drop_queued.setMaximumWidth(32)
        self._queued = QWidget()
        self._queued.setLayout(_row(self.queued, self.drop_queued, stretch=self.queued))
        self._queued.hide()
        self.review = _button("review", "Review", "Show all objects, and where the model is unsure")
        self.session = _button(
            "session", "Session", "Save, open or reopen all of this: prompts, masks, accepted frames"
        )
        self.offer = _offer()
        self.keys = _button("keys", "?", "All keys and gestures")
        self.keys.setMaximumWidth(32)
        for text, data in DIRECTIONS:
            self.direction.addItem(text, data)
        for small in (self.undo, self.redo, self.accept_frame):
            small.setMaximumWidth(36)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(7)
        column.addWidget(self.hint)
        column.addWidget(self.offer)
        model = QWidget()
        model.setLayout(_row(self.model, self.manage, stretch=self.model))
        top = _rows(
            ("Image", self.image),
            ("Frame axis", self.frame_axis),
            ("Other axis", self.other_axis),
            ("Model", model),
            ("Device", self.device),
        )
        self._other_axis_label = top.labelForField(self.other_axis)
        column.addLayout(top)
        column.addWidget(self.look)
        heading = QLabel("<b>Prompts</b>")
        column.addLayout(_row(heading, self.undo, self.redo, stretch=heading))
        column.addLayout(_row(self.positive, self.negative, self.box))
        column.addWidget(self.prompt_tools)
        column.addLayout(_row(self.previous_object, self.object, self.next_object, stretch=self.object))
        column.addLayout(_row(self.new_object, self.divide, self.accept, self.accept_frame, stretch=self.new_object))
        column.addWidget(QLabel("<b>All frames</b>"))
        to = QLabel("to")
        to.setAlignment(Qt.AlignmentFlag.AlignCenter)
        frames = QWidget()
        frames.setLayout(_row(self.first_frame, to, self.last_frame))
        run = _rows(("Direction", self.direction), ("Frames", frames), ("", self.ends))
        self._ends_label = run.labelForField(self.ends)
        column.addLayout(run)
        column.addLayout(_row(self.propagate, self.pause, self.cancel, stretch=self.propagate))
        column.addWidget(self.progress)
        column.addWidget(self._queued)
        column.addLayout(_row(self.review, self.session, self.keys, stretch=self.review))
        column.addWidget(self.masks_path)
        column.addStretch(1)

    def show_queued(self, text: str) -> None:
        """Say what comes next; "" for nothing."""
        self.queued.setText(f"Then: {text}" if text else "")
        self._queued.setVisible(bool(text))

    def name_propagate(self, running: bool, paused: bool) -> None:
        """Let the buttons that propagate and pause say what they do now.

        While it is paused, both go on. Only one is called so: the one that paused it, where the mouse still is.
        """
        text = "Queue" if running and not paused else "Propagate"
        tip = _GO_ON if paused else _PROPAGATE[text]
        self.propagate.setText(f"{text} ({key_of('propagate')})")
        self.propagate.setToolTip(f"{tip} [{key_of('propagate')}]")
        self.pause.setText("Resume" if paused else "Pause")
        self.pause.setToolTip(_GO_ON if paused else _HOLD)

    def show_ends(self, deep: bool, on: bool, idle: bool) -> None:
        """Let the user say whether objects end in depth, where they are followed in depth.

        Args:
            idle: nothing is being segmented.
        """
        for widget in (self.ends, self._ends_label):
            widget.setVisible(deep)
        self.ends.setChecked(on)
        self.ends.setEnabled(idle)

    def show_other_axis(self, shown: bool) -> None:
        """Let there be a choice for another axis, or none."""
        self.other_axis.setVisible(shown)
        self._other_axis_label.setVisible(shown)


def _path(name: str) -> QLabel:
    """A path that can be selected and copied."""
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return label


def _hint() -> QLabel:
    hint = QLabel()
    hint.setObjectName("hint")
    hint.setWordWrap(True)
    hint.setStyleSheet(_HINT_STYLE)
    # Room for three lines, so that what stands below does not jump when the text changes.
    hint.setFixedHeight(hint.fontMetrics().lineSpacing() * 3 + 24)
    hint.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return hint


def _offer() -> Offer:
    text = QLabel()
    text.setObjectName("offer_text")
    text.setWordWrap(True)
    reopen = _button("reopen", "Reopen", "Go on with the session that did not come to an orderly end")
    dismiss = _button("dismiss", "✕", "Do not offer it again; it stays under Session > Reopen")
    dismiss.setMaximumWidth(32)
    return Offer(text, reopen, dismiss, _row(text, reopen, dismiss, stretch=text))


def _button(name: str, text: str, tip: str, checkable: bool = False) -> QPushButton:
    """A button with its key behind the text, or in the tooltip where there is no room for it."""
    key = key_of(name)
    button = QPushButton(f"{text} ({key})" if len(key) == 1 and len(text) > 1 else text)
    button.setCheckable(checkable)
    return tab_stop(button, name, tip, key)


def _spin(name: str, tip: str) -> QSpinBox:
    spin = QSpinBox()
    spin.setObjectName(name)
    spin.setToolTip(tip)
    spin.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    spin.setKeyboardTracking(False)
    spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return spin


def _progress() -> QProgressBar:
    bar = QProgressBar()
    bar.setObjectName("progress")
    bar.setTextVisible(True)
    bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
    policy = bar.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    bar.setSizePolicy(policy)
    return bar


def _row(*widgets: QWidget, stretch: QWidget | None = None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1 if widget is stretch else 0)
    return row


def _rows(*labelled: tuple[str, QWidget]) -> QFormLayout:
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(6)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for text, widget in labelled:
        label = QLabel(text)
        # The same in both groups, so that their fields stand in line.
        label.setMinimumWidth(label.fontMetrics().horizontalAdvance("Frame axis ") + 8)
        rows.addRow(label, widget)
    return rows
