"""The row of tool buttons under the prompts, and the bar that decides about proposals."""

from typing import Any

from napari.layers import Labels
from qtpy.QtCore import QSize
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_sam2.session.document import Plane
from napari_sam2.session.places import frame_text
from napari_sam2.ui.controls import tab_stop
from napari_sam2.ui.icons import icon
from napari_sam2.ui.keys import key_of
from napari_sam2.ui.labels_dialog import LabelsDialog
from napari_sam2.wording import counted

DRAWING = (
    ("lasso", "Lasso: draw a line around the object; what is inside is its mask"),
    ("scribble", "Scribble: draw a line along the object; with Shift, or when Negative: along what is too much"),
    ("paint", "Paint: paint or erase pixels of the object; what you paint holds (Positive goes back to clicking)"),
)


class PromptTools(QWidget):
    """Lasso, scribble, paint, other mask, segment this frame, and a menu of rarer ways."""

    def __init__(self, group: QButtonGroup) -> None:
        """
        Args:
            group: the tools of which one at a time is in use.
        """
        super().__init__()
        self.lasso, self.scribble, self.paint = (_tool(name, tip, checkable=True) for name, tip in DRAWING)
        for button in (self.lasso, self.scribble, self.paint):
            group.addButton(button)
        self.other_mask = _tool("other_mask", "Other mask: the next of what an ambiguous click can mean")
        self.segment_frame = _tool(
            "segment_frame", "Segment this frame: propose all objects on it, to accept or reject; once more: stop"
        )
        self.more = _tool("more_prompts", "More ways to prompt")
        menu = QMenu(self)
        self.labels_as_prompts = menu.addAction("Labels as prompts…")
        self.labels_as_prompts.setObjectName("labels_as_prompts")
        self.more.setMenu(menu)
        self.count = QLabel()
        self.count.setObjectName("proposals")
        self.accept_all = tab_stop(
            QPushButton("Accept all"), "accept_all", "Make an object of every proposal", key_of("accept_all")
        )
        self.reject_all = tab_stop(
            QPushButton("Reject all"), "reject_all", "Drop all proposals that are left", key_of("reject_all")
        )
        self._bar = QWidget()
        self._bar.setLayout(_line(self.count, self.accept_all, self.reject_all, stretch=0))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        tools = (self.lasso, self.scribble, self.paint, self.other_mask, self.segment_frame, self.more)
        column.addLayout(_line(*tools))
        column.addWidget(self._bar)
        self._bar.hide()

    def paint_icons(self, color: QColor) -> None:
        """Draw the icons in the colour of the theme's text."""
        for button in (self.lasso, self.scribble, self.paint, self.other_mask, self.segment_frame, self.more):
            button.setIcon(icon(button.objectName(), color))

    def connect_to(self, control: Any) -> None:
        """Let the buttons do what the controller can."""
        for name in ("lasso", "scribble", "paint"):
            getattr(self, name).clicked.connect(lambda *_, name=name: control.set_tool(name))
        self.other_mask.clicked.connect(lambda *_: control.other_mask())
        self.segment_frame.clicked.connect(lambda *_: control.segment_frame())
        self.accept_all.clicked.connect(lambda *_: control.prompting.proposals.accept_all())
        self.reject_all.clicked.connect(lambda *_: control.prompting.proposals.reject_all())
        self.labels_as_prompts.triggered.connect(lambda *_: self._ask_labels(control))

    def render(self, control: Any) -> None:
        """Show the state of the controller."""
        prompting, work = control.prompting, control.workspace
        if prompting.tool in ("lasso", "scribble", "paint"):
            getattr(self, prompting.tool).setChecked(True)
        search = prompting.proposals
        for button in (self.lasso, self.scribble, self.paint, self.other_mask, self.segment_frame, self.more):
            button.setEnabled(work is not None)
        self.other_mask.setEnabled(prompting.readings.place is not None)
        self._bar.setVisible(search.running or search.count > 0)
        for button in (self.accept_all, self.reject_all):
            button.setVisible(not search.running)
        if search.running:
            self.count.setText(f"Looking for objects: {100 * search.done // max(1, search.total)} %")
        else:
            where = elsewhere(search.at, work) if work is not None else ""
            self.count.setText(counted(search.count, "proposal") + where)

    def _ask_labels(self, control: Any) -> None:
        work = control.workspace
        if work is None:
            control.set_tool("points")  # says that there is no image
            return
        layers = [layer for layer in control.layers if isinstance(layer, Labels) and layer not in work.layers]
        dialog = LabelsDialog(self, layers, work.axes.frames, work.visible()[1])
        dialog.accepted.connect(lambda: control.take_labels(dialog.wish()))
        dialog.open()


def elsewhere(at: tuple[Plane, int], work: Any) -> str:
    """Where proposals lie that are not on screen."""
    plane, frame = work.visible()
    if at == (plane, frame):
        return ""
    return f" on {frame_text(at[1], work.axes.slices)}" + (" of another plane" if at[0] != plane else "")


def _tool(name: str, tip: str, checkable: bool = False) -> QPushButton:
    button = tab_stop(QPushButton(), name, tip, key_of(name))
    button.setAccessibleName(tip.split(":")[0])
    button.setIconSize(QSize(20, 20))
    button.setCheckable(checkable)
    # Six of them must fit a narrow dock.
    button.setMinimumWidth(30)
    return button


def _line(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(6)
    for index, widget in enumerate(widgets):
        line.addWidget(widget, 1 if stretch is None or index == stretch else 0)
    return line
