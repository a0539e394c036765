"""The objects table: one row per object, edited in place."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
)
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen, QPolygon
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from napari_sam2.session.confidence import DOUBTFUL
from napari_sam2.session.review_order import SORT_KEYS
from napari_sam2.ui.review_actions import ReviewActions
from napari_sam2.ui.review_model import ReviewModel

ROW_HEIGHT = 19

COLUMNS = ("color", "id", "name", "frames", "first", "last", "worst", "shown", "locked")
_TITLES = ("", "ID", "Name", "Frames", "First", "Last", "Worst", "Show", "Accept")
_TIPS = (
    "Colour of the masks",
    "Value in the label image. Double-click to renumber.",
    "Double-click or F2 to rename",
    "On how many frames the object has a mask",
    "The first frame with a mask",
    "The last frame with a mask",
    "The lowest confidence on any frame that is not accepted, 0 to 1",
    "Whether the masks are shown",
    "Accept all frames of the object: propagation leaves them alone and goes by them. U accepts one frame.",
)
_WIDTHS = (22, 34, 70, 50, 38, 38, 44, 38, 48)

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_ROLE = Qt.ItemDataRole


class ObjectsTableModel(QAbstractTableModel):
    """Gives Qt the rows of a ReviewModel as they are asked for."""

    def __init__(self, model: ReviewModel, actions: ReviewActions, parent: Any = None) -> None:
        super().__init__(parent)
        self._model = model
        self._actions = actions
        self.doubt_color = QColor(222, 128, 38)
        model.listed_changed.connect(self._on_listed)
        model.cells_changed.connect(self._on_cells)

    def close(self) -> None:
        """Follow the model no longer."""
        self._model.listed_changed.disconnect(self._on_listed)
        self._model.cells_changed.disconnect(self._on_cells)

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        """One row per listed object."""
        return 0 if parent.isValid() else len(self._model.ids)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        """See COLUMNS."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole) -> Any:
        """Titles and what they mean."""
        if orientation == Qt.Orientation.Horizontal and role == _ROLE.DisplayRole:
            return _TITLES[section]
        if orientation == Qt.Orientation.Horizontal and role == _ROLE.ToolTipRole:
            return _TIPS[section]
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Names and ids can be edited, the last two columns ticked."""
        flags = super().flags(index)
        column = COLUMNS[index.column()]
        if column in ("id", "name"):
            flags |= Qt.ItemFlag.ItemIsEditable
        if column in ("shown", "locked"):
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: _Index, role: int = _ROLE.DisplayRole) -> Any:
        """What stands in a cell."""
        if not index.isValid() or index.row() >= len(self._model.ids):
            return None
        object_id, column = self._model.ids[index.row()], COLUMNS[index.column()]
        if role in (_ROLE.DisplayRole, _ROLE.EditRole):
            return self._text(object_id, column)
        if role == _ROLE.DecorationRole and column == "color":
            return QColor(*(self._actions.visibility.color(object_id) or self._model.color(object_id)))
        if role == _ROLE.CheckStateRole and column in ("shown", "locked"):
            return self._tick(object_id, column)
        if role == _ROLE.ForegroundRole and column == "worst":
            worst = self._model.review.summary(object_id).worst
            return self.doubt_color if worst is not None and worst < DOUBTFUL else None
        if role == _ROLE.TextAlignmentRole and column not in ("name", "color"):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == _ROLE.ToolTipRole:
            return self._tip(object_id, column)
        return None

    def setData(self, index: _Index, value: Any, role: int = _ROLE.EditRole) -> bool:
        """The user has edited or ticked a cell."""
        object_id, column = self._model.ids[index.row()], COLUMNS[index.column()]
        if role == _ROLE.CheckStateRole:
            ticked = Qt.CheckState(value) == Qt.CheckState.Checked
            if column == "shown":
                self._actions.set_visible(object_id, ticked)
                return True
            return self._actions.set_locked(object_id, ticked)
        if role != _ROLE.EditRole:
            return False
        if column == "name":
            return self._actions.rename(object_id, str(value))
        return self._actions.renumber(object_id, int(value))

    def _text(self, object_id: int, column: str) -> Any:
        summary = self._model.review.summary(object_id)
        if column == "id":
            return object_id
        if column == "name":
            return self._model.names.get(object_id, "")
        if column == "worst":
            return "" if summary.worst is None else f"{summary.worst:.2f}"
        if column in ("frames", "first", "last"):
            value = getattr(summary, column)
            return "" if value is None or not summary.frames else str(value)
        return None

    def _tick(self, object_id: int, column: str) -> Qt.CheckState:
        if column == "shown":
            ticked = self._actions.visibility.visible(object_id)
            return Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
        summary = self._model.review.summary(object_id)
        if not summary.locked:
            return Qt.CheckState.Unchecked
        return Qt.CheckState.Checked if summary.locked >= summary.frames else Qt.CheckState.PartiallyChecked

    def _tip(self, object_id: int, column: str) -> str | None:
        if column in ("id", "name"):
            mothers = [self._model.names.get(i, str(i)) for i in self._model.review.parents.get(object_id, ())]
            children = [self._model.names.get(i, str(i)) for i in self._model.review.children(object_id)]
            lineage = [f"daughter of {' and '.join(mothers)}"] if mothers else []
            lineage += [f"mother of {' and '.join(children)}"] if children else []
            return "\n".join([str(self._model.names.get(object_id, object_id)), *lineage, _TIPS[COLUMNS.index(column)]])
        return _TIPS[COLUMNS.index(column)]

    def _on_listed(self) -> None:
        self.beginResetModel()
        self.endResetModel()

    def _on_cells(self) -> None:
        if self._model.ids:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._model.ids) - 1, len(COLUMNS) - 1))


class _Painter(QStyledItemDelegate):
    """Paints the cells itself: under napari's style sheets Qt takes ten times as long, too long to scroll well."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Ground, colour, tick or text."""
        column, rect = COLUMNS[index.column()], option.rect
        colors = option.palette
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(rect, colors.highlight())
        text = colors.highlightedText() if selected else colors.text()
        if column == "color":
            painter.fillRect(rect.adjusted(4, 3, -4, -4), index.data(_ROLE.DecorationRole))
        elif column in ("shown", "locked"):
            self._paint_tick(painter, rect, text.color(), index.data(_ROLE.CheckStateRole))
        else:
            painter.setPen(index.data(_ROLE.ForegroundRole) or text.color())
            side = Qt.AlignmentFlag.AlignLeft if column == "name" else Qt.AlignmentFlag.AlignRight
            words = str(index.data(_ROLE.DisplayRole))
            if column == "name":
                words = option.fontMetrics.elidedText(words, Qt.TextElideMode.ElideRight, rect.width() - 8)
            painter.drawText(rect.adjusted(4, 0, -4, 0), side | Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_tick(self, painter: QPainter, rect: QRect, color: QColor, state: Qt.CheckState) -> None:
        box = QRect(0, 0, 12, 12)
        box.moveCenter(rect.center())
        faint = QColor(color)
        faint.setAlpha(110)
        painter.setPen(QPen(faint, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box)
        painter.setPen(QPen(color, 2))
        if state == Qt.CheckState.Checked:
            x, y = box.left(), box.top()
            painter.drawPolyline(QPolygon([QPoint(x + 3, y + 6), QPoint(x + 5, y + 9), QPoint(x + 10, y + 3)]))
        elif state == Qt.CheckState.PartiallyChecked:
            painter.drawLine(box.left() + 4, box.center().y() + 1, box.right() - 3, box.center().y() + 1)

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: _Index
    ) -> bool:
        """A click anywhere in the cell ticks it: the box is small."""
        ticks = COLUMNS[index.column()] in ("shown", "locked")
        if ticks and isinstance(event, QMouseEvent) and event.button() == Qt.MouseButton.LeftButton:
            if event.type() == QEvent.Type.MouseButtonRelease:
                ticked = index.data(_ROLE.CheckStateRole) == Qt.CheckState.Checked
                after = Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked
                model.setData(index, after, _ROLE.CheckStateRole)
            return True
        return super().editorEvent(event, model, option, index)


class ObjectsTable(QTableView):
    """The view. Selecting a row goes to the object."""

    def __init__(self, model: ReviewModel, actions: ReviewActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("objects_table")
        self._model = model
        self._actions = actions
        self._following = False
        self.rows = ObjectsTableModel(model, actions, self)
        self.setModel(self.rows)
        self.setItemDelegate(_Painter(self))
        self._look()
        self.horizontalHeader().sectionClicked.connect(self._on_header)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        model.moved.connect(self.follow)
        model.listed_changed.connect(self.follow)

    def close_down(self) -> None:
        """Follow the model no longer."""
        self._model.moved.disconnect(self.follow)
        self._model.listed_changed.disconnect(self.follow)
        self.rows.close()

    @property
    def selected(self) -> list[int]:
        """The selected objects, in the order of the rows."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self._model.ids[row] for row in rows if row < len(self._model.ids)]

    def follow(self) -> None:
        """Select the row of the current object, unless it is among those that are selected."""
        current = self._model.current
        if self._following or current not in self._model.ids or current in self.selected:
            return
        index = self.rows.index(self._model.ids.index(current), COLUMNS.index("name"))
        flags = QItemSelectionModel.SelectionFlag
        self._quietly(
            lambda: self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows),
        )
        self.scrollTo(index)

    def show_current(self) -> None:
        """Scroll to the row of the current object."""
        if self._model.current in self._model.ids:
            self.scrollTo(self.rows.index(self._model.ids.index(self._model.current), 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Letters belong to the viewer; only the keys that a table needs stay here."""
        keys = Qt.Key
        own = (keys.Key_Up, keys.Key_Down, keys.Key_PageUp, keys.Key_PageDown, keys.Key_Home, keys.Key_End, keys.Key_F2)
        if event.key() in (keys.Key_Delete, keys.Key_Backspace):
            self._actions.delete(self.selected)
        elif event.key() in (keys.Key_Return, keys.Key_Enter) and self._model.current is not None:
            self._actions.select(self._model.current)
        elif event.key() in own or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
        else:
            event.ignore()

    def _quietly(self, change: Callable[[], None]) -> None:
        self._following = True
        try:
            change()
        finally:
            self._following = False

    def _on_row(self, now: QModelIndex, before: QModelIndex) -> None:
        if not self._following and now.isValid() and now.row() < len(self._model.ids):
            # Qt selects the row only after this.
            self._quietly(lambda: self._actions.select(self._model.ids[now.row()]))

    def _on_header(self, section: int) -> None:
        """Order by a column; by the same once more: the other way round."""
        key = COLUMNS[section]
        if key in SORT_KEYS:
            descending = key == self._model.key and not self._model.descending
            self._model.sort(key, descending)
            order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
            self.horizontalHeader().setSortIndicator(section, order)
            self.scrollToTop()

    def _look(self) -> None:
        mode = QAbstractItemView.ScrollMode.ScrollPerPixel
        self.setVerticalScrollMode(mode)
        self.setHorizontalScrollMode(mode)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(20)
        header.setSortIndicatorShown(False)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
        header.setSectionResizeMode(COLUMNS.index("name"), QHeaderView.ResizeMode.Stretch)
