"""The window "Models": which there are, what they cost, and getting or deleting them."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.ui.model_rows import HEADINGS, Row
from napari_sam2.ui.model_shelf import ModelShelf

_STATE = len(HEADINGS) - 1
_SETTLE = 100  # milliseconds in which several changes are shown at once


class ModelManager(QDialog):
    """A table of all models with buttons for what can be done with the chosen one. All work is done by the shelf."""

    def __init__(
        self,
        shelf: ModelShelf,
        use: Callable[[str], None],
        open_checkpoint: Callable[[], None],
        choose_folder: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        """
        Args:
            shelf: what is shown and acted on.
            use: called with the model that the user wants to work with.
            open_checkpoint: asks for a file of weights and uses it.
            choose_folder: asks for another folder for downloads.
            parent: above which window it stands.
        """
        super().__init__(parent)
        self.setObjectName("model_manager")
        self.setWindowTitle("SAM 2 models")
        self._shelf, self._use = shelf, use
        self._rows: list[Row] = []
        self.table = _table()
        self.use = _button("use_model", "Use", "Work with this model")
        self.download = _button("download_model", "Download", "Get this model; you can go on working meanwhile")
        self.stop = _button("cancel_download", "Cancel download", "Stop. What has arrived is kept for the next time.")
        self.delete = _button("delete_model", "Delete", "Delete the downloaded file")
        self.open = _button("open_checkpoint", "Open checkpoint…", "Use a file of weights of your own")
        self.measure = _button("measure_speed", "Measure again", "Measure how fast this computer is")
        self.folder = _button("choose_folder", "Change…", "Choose another folder for downloads, also in Preferences")
        self.speed_note = _note("speed_note")
        self.folder_note = _note("folder_note")
        self._lay_out()
        self.use.clicked.connect(lambda: self._on_use())
        self.download.clicked.connect(lambda: self._with_row(lambda row: shelf.download(row.model)))
        self.stop.clicked.connect(lambda: self._with_row(lambda row: shelf.downloads.cancel(row.model)))
        self.delete.clicked.connect(lambda: self._with_row(self._on_delete))
        self.open.clicked.connect(lambda: open_checkpoint())
        self.measure.clicked.connect(lambda: shelf.measure(again=True))
        self.folder.clicked.connect(lambda: choose_folder())
        self.table.itemSelectionChanged.connect(self._render_buttons)
        self.table.itemDoubleClicked.connect(lambda _: self._on_use())
        # Progress comes in many small steps.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.render_now)
        shelf.changed.connect(self._render_soon)
        self.render_now()

    def showEvent(self, event: Any) -> None:
        """Show how things are now; files may have come and gone. The computer is measured once."""
        super().showEvent(event)
        self._shelf.measure()
        self.render_now()

    def release(self) -> None:
        """Listen to the shelf no more."""
        self._shelf.changed.disconnect(self._render_soon)
        self._timer.stop()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addWidget(self.table)
        column.addLayout(_row(self.use, self.download, self.stop, self.delete, None, self.open))
        column.addLayout(_row(self.speed_note, self.measure))
        column.addLayout(_row(self.folder_note, self.folder))
        self.resize(860, 540)

    # What the user does -----------------------------------------------------------------------------------------------

    @property
    def selected(self) -> Row | None:
        """The row that the user has chosen."""
        number = self.table.currentRow()
        return self._rows[number] if 0 <= number < len(self._rows) else None

    def select(self, model: str) -> None:
        """Choose the row of a model."""
        for number, row in enumerate(self._rows):
            if row.model == model:
                self.table.setCurrentCell(number, 0)

    def _with_row(self, action: Callable[[Row], None]) -> None:
        row = self.selected
        if row is not None:
            action(row)

    def _on_use(self) -> None:
        row = self.selected
        if row is None:
            return
        if row.here:
            self._use(row.model)
        else:
            self._shelf.download(row.model)

    def _on_delete(self, row: Row) -> None:
        if row.own:
            self._shelf.forget(row.model)
        elif self._sure(row):
            self._shelf.delete(row.model)

    def _sure(self, row: Row) -> bool:
        if not row.here:
            return True
        asked = f"Delete the downloaded file of {row.texts[0]} ({row.texts[1]})? It can be downloaded again."
        buttons = QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel
        return QMessageBox.question(self, "Delete model", asked, buttons) == QMessageBox.StandardButton.Yes

    # Showing the state ------------------------------------------------------------------------------------------------

    def _render_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start(_SETTLE)

    def render_now(self) -> None:
        """Show how things are."""
        chosen = self.selected.model if self.selected is not None else self._shelf.in_use()
        self._rows = self._shelf.rows()
        self.table.setRowCount(len(self._rows))
        for number, row in enumerate(self._rows):
            self._render_row(number, row)
        self.select(chosen)
        self.speed_note.setText(self._shelf.speed_note)
        self.measure.setEnabled(not self._shelf.measuring)
        self.folder_note.setText(self._shelf.folder_note)
        self._render_buttons()

    def _render_row(self, number: int, row: Row) -> None:
        for column, text in enumerate(row.texts):
            item = self.table.item(number, column)
            if item is None:
                item = QTableWidgetItem()
                self.table.setItem(number, column, item)
            shown = "" if column == _STATE and row.share is not None else text
            item.setText(shown)
            item.setToolTip(row.tip)
            if column == 1:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            font = item.font()
            font.setBold(row.model == self._shelf.in_use())
            item.setFont(font)
        bar = self.table.cellWidget(number, _STATE)
        if row.share is None:
            if bar is not None:
                self.table.removeCellWidget(number, _STATE)
            return
        if not isinstance(bar, QProgressBar):
            bar = _bar()
            self.table.setCellWidget(number, _STATE, bar)
        bar.setRange(0, 0 if row.share < 0 and row.texts[-1] != "waiting" else 1000)
        bar.setValue(round(1000 * max(0.0, row.share)))
        bar.setFormat(row.texts[-1])

    def _render_buttons(self) -> None:
        row = self.selected
        running = row is not None and row.share is not None
        self.use.setEnabled(row is not None and row.here and row.model != self._shelf.in_use())
        self.download.setEnabled(row is not None and not row.here and not running)
        self.download.setText("Go on downloading" if row is not None and row.partial and not running else "Download")
        self.stop.setEnabled(running)
        self.delete.setText("Remove from list" if row is not None and row.own else "Delete")
        self.delete.setEnabled(row is not None and not running and (row.own or self._shelf.deletable(row)))


def _table() -> QTableWidget:
    table = QTableWidget(0, len(HEADINGS))
    table.setObjectName("model_table")
    table.setHorizontalHeaderLabels(HEADINGS)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.setStyleSheet("QTableWidget::item { padding: 0 8px; } QHeaderView::section { padding: 4px 8px; }")
    table.verticalHeader().setVisible(False)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    for column in range(_STATE):
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(_STATE, QHeaderView.ResizeMode.Stretch)
    return table


def _bar() -> QProgressBar:
    bar = QProgressBar()
    bar.setTextVisible(True)
    bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return bar


def _button(name: str, text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    button.setAutoDefault(False)
    return button


def _note(name: str) -> QLabel:
    note = QLabel()
    note.setObjectName(name)
    note.setWordWrap(True)
    note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return note


def _row(*widgets: QWidget | None) -> QHBoxLayout:
    """Widgets side by side; None is a space that grows, and so does a note."""
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget, 1 if isinstance(widget, QLabel) else 0)
    return row
