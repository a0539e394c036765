"""All keys and gestures on one page, behind the button "?"."""

from html import escape

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from napari_sam2.ui.keys import REVIEW_SHORTCUTS, SHORTCUTS

IMAGE_GESTURES = (
    ("click", "shows what belongs to the object"),
    ("Shift-click", "shows what does not belong to it, just once"),
    ("Delete", "takes the selected points or boxes away (select them with napari's tool)"),
)
REVIEW_GESTURES = (
    ("click a cell", "goes to that frame and object"),
    ("← → ↑ ↓", "from cell to cell, after a click into the strip"),
    ("Ctrl-wheel", "zooms along the frames; Shift-wheel moves along them"),
    ("F2, double-click", "edits a name or an id in the table"),
    ("Ctrl-click", "selects several objects, to merge or delete them"),
)


class KeyReference(QFrame):
    """Goes away with the next click elsewhere or with Escape."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("key_reference")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = QLabel(reference_html())
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 10)
        column.addWidget(self.text)

    def pop_up(self) -> None:
        """Show it above the button, inside of the screen."""
        self.adjustSize()
        button = self.parentWidget()
        corner = button.mapToGlobal(QPoint(button.width() - self.width(), -self.height() - 4))
        area = button.screen().availableGeometry()
        self.move(max(area.left(), corner.x()), max(area.top(), corner.y()))
        self.show()


def reference_html() -> str:
    """The page. Keys that are bound come from where they are bound, so that none can be forgotten."""
    groups = (
        ("In the image", IMAGE_GESTURES),
        ("Anywhere in the viewer", [(shortcut.key, shortcut.does) for shortcut in SHORTCUTS]),
        (
            "In the review",
            [*((shortcut.key, shortcut.does) for shortcut in REVIEW_SHORTCUTS), *REVIEW_GESTURES],
        ),
    )
    rows = []
    for title, entries in groups:
        rows.append(f'<tr><td colspan="2" style="padding-top: 6px"><b>{escape(title)}</b></td></tr>')
        rows += [
            f'<tr><td style="padding-right: 14px"><code>{escape(key)}</code></td><td>{escape(does)}</td></tr>'
            for key, does in entries
        ]
    return f"<table>{''.join(rows)}</table>"
