"""What all controls of the dock widgets have in common."""

from typing import TypeVar

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

Control = TypeVar("Control", bound=QWidget)


def tab_stop(widget: Control, name: str, tip: str, key: str = "") -> Control:
    """The same widget with its name and its tip, which ends with the key that does the same, if there is one.

    A click must leave the keys with the viewer; Tab still gets here.
    """
    widget.setObjectName(name)
    widget.setToolTip(f"{tip} [{key}]" if key else tip)
    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return widget
