"""The button "Session" with its menu, the offer to reopen after a crash, and the questions that opening has."""

import datetime
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QLabel, QMenu, QMessageBox, QPushButton, QWidget

from napari_sam2.session.autosave import Unfinished
from napari_sam2.session.folder_format import ImageEntry
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.opening import Questions
from napari_sam2.wording import counted

_SHOWN = 8


class SessionMenu(QObject):
    """Fills the menu of the button and the offer, and lets them act on the controller."""

    def __init__(self, button: QPushButton, offer: "Offer", controller: Controller, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller = controller
        self._parent = parent
        self.offer = offer
        self.menu = QMenu(button)
        self.save_action = self.menu.addAction("Save session…", self.save)
        self.open_action = self.menu.addAction("Open session…", self.open)
        self.reopen = self.menu.addMenu("Reopen")
        self.menu.addSeparator()
        self.anew_action = self.menu.addAction("Do all frames anew", controller.propagate_anew)
        self.anew_action.setToolTip("From the prompts and accepted frames, in one go: the same as on the command line")
        button.setMenu(self.menu)
        offer.reopen.clicked.connect(lambda *_: controller.reopen())
        offer.dismiss.clicked.connect(lambda *_: controller.keeping.dismiss())
        controller.opening.ask = Questions(self._agree, self._locate)
        self._listed: tuple[Any, ...] | None = None

    def render(self) -> None:
        """Show what can be done now."""
        keeping = self._controller.keeping
        self.save_action.setEnabled(self._controller.workspace is not None and not keeping.busy)
        self.open_action.setEnabled(not keeping.busy)
        self.anew_action.setEnabled(self._controller.workspace is not None)
        self.offer.show_session(keeping.unfinished[0] if keeping.unfinished else None)
        sessions = (*keeping.unfinished, *keeping.recent)[:_SHOWN]
        if sessions != self._listed:
            self._listed = sessions
            self.reopen.clear()
            self.reopen.setEnabled(bool(sessions))
            for session in sessions:
                self.reopen.addAction(title(session), partial(self._controller.open_session, session.folder))

    def save(self) -> None:
        """Ask for a folder and save into it."""
        work = self._controller.workspace
        name = f"{Path(work.image.name).stem}.sam2" if work is not None else "session.sam2"
        path, _ = QFileDialog.getSaveFileName(self._parent, "Save session as a folder", name, "Session (*.sam2)")
        if path:
            self._controller.save_session(Path(path))

    def open(self) -> None:
        """Ask for the folder of a session and open it."""
        path = QFileDialog.getExistingDirectory(self._parent, "Open the folder of a session")
        if path:
            self._controller.open_session(Path(path))

    def _agree(self, text: str) -> bool:
        answer = QMessageBox.question(self._parent, "Open session", text)
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _locate(self, image: ImageEntry) -> str:
        title = f"Where is {image.name} ({' × '.join(map(str, image.shape))}) now?"
        path, _ = QFileDialog.getOpenFileName(self._parent, title)
        return str(path)


class Offer(QWidget):
    """One line that offers the session that did not come to an end."""

    def __init__(self, text: QLabel, reopen: QPushButton, dismiss: QPushButton, layout: Any) -> None:
        super().__init__()
        self.setObjectName("unfinished")
        self._text = text
        self.reopen = reopen
        self.dismiss = dismiss
        self.setLayout(layout)
        self.hide()

    def show_session(self, session: Unfinished | None) -> None:
        """Offer a session, or nothing."""
        if session is not None:
            self._text.setText(f"Not closed: {title(session)}")
        self.setVisible(session is not None)


def title(session: Unfinished) -> str:
    """What a person knows a session by: "cells, 12 objects, 24 Nov 21:40"."""
    try:
        when = f", {datetime.datetime.fromisoformat(session.saved):%d %b %H:%M}"
    except ValueError:
        when = ""
    return f"{session.image}, {counted(session.objects, 'object')}{when}"
