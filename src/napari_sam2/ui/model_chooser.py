"""The list of models in the dock widget, and the way to the model manager."""

import weakref

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QPushButton, QWidget

from napari_sam2.ui.awaited import Awaited
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.loop import QtLoop
from napari_sam2.ui.messages import tell
from napari_sam2.ui.model_manager import ModelManager
from napari_sam2.ui.model_shelf import ModelShelf
from napari_sam2.ui.models import model_items, model_text
from napari_sam2.ui.settings import default_choice, on_places_changed, prefer_folder

_OPEN_CHECKPOINT = "open checkpoint"
"""Stands in the model list for a file that is still to be chosen."""


class ModelChooser:
    """Fills the combo box of models, and acts on it and on the button beside."""

    def __init__(
        self, combo: QComboBox, manage: QPushButton, controller: Controller, loop: QtLoop, widget: QWidget
    ) -> None:
        """
        Args:
            combo: the list of models.
            manage: opens the model manager.
            controller: what works with the model.
            loop: of the main thread.
            widget: the dock widget, above which windows open.
        """
        self._combo, self._controller, self._widget = combo, controller, widget
        self.shelf = ModelShelf(controller.thread, loop.post, lambda: controller.choice, tell)
        self.awaited = Awaited(self.shelf, self._use, lambda: not controller.propagation.running)
        self.manager: ModelManager | None = None
        self._was_busy = False
        combo.activated.connect(lambda _: self._on_chosen(combo.currentData()))
        manage.clicked.connect(lambda: self.open_manager())
        self.shelf.files_changed.connect(self.refill)
        controller.changed.connect(self.awaited.settle)
        self._listen_to_preferences()
        self.refill()

    def refill(self) -> None:
        """Offer the models that there are now."""
        self._combo.clear()
        for text, model, tip in model_items(self._controller.choice.folder):
            self._combo.addItem(text, model)
            self._combo.setItemData(self._combo.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self._combo.addItem("Open checkpoint…", _OPEN_CHECKPOINT)
        self.render()

    def render(self) -> None:
        """Show the model in use."""
        combo, model = self._combo, self._controller.choice.model
        busy = self._controller.loading.busy
        if self._was_busy and not busy:
            self._was_busy = False
            self.shelf.changed.emit()
            self.refill()  # what was downloaded or opened looks different now
            return
        self._was_busy = busy
        if combo.findData(model) < 0:
            combo.insertItem(combo.count() - 1, model_text(model), model)
        combo.setCurrentIndex(combo.findData(model))
        coming = combo.findData(self.awaited.model)
        if coming >= 0:
            combo.setItemText(coming, f"{model_text(self.awaited.model)}  ({self.awaited.progress})")
        combo.setEnabled(not self._controller.propagation.running)

    def _on_chosen(self, model: str) -> None:
        if model == _OPEN_CHECKPOINT:
            self.open_checkpoint()
        else:
            self.awaited.choose(model)
        self.refill()

    def open_checkpoint(self) -> None:
        """Ask for a file of weights and use it."""
        above = self.manager if self.manager is not None and self.manager.isVisible() else self._widget
        file, _ = QFileDialog.getOpenFileName(
            above, "Open checkpoint", "", "Weights (*.pt *.pth *.ckpt *.safetensors);;All files (*)"
        )
        if file:
            self.awaited.choose(file)

    def open_manager(self) -> None:
        """Show the model manager."""
        if self.manager is None:
            self.manager = ModelManager(
                self.shelf, self.awaited.choose, self.open_checkpoint, self._choose_folder, parent=self._widget
            )
        self.manager.show()
        self.manager.raise_()

    def hide_manager(self) -> None:
        """Put the model manager away."""
        if self.manager is not None:
            self.manager.hide()

    def _use(self, model: str) -> None:
        self._controller.set_model(model)
        self.shelf.changed.emit()

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self.manager or self._widget, "Folder for downloads", self._controller.choice.folder
        )
        if chosen:
            prefer_folder(chosen)  # comes back as a change of the Preferences, where napari knows the plugin
            self._relocate(chosen, self._controller.choice.mirrors)

    def _listen_to_preferences(self) -> None:
        # napari's settings outlive the widget, and must not hold it.
        method = weakref.WeakMethod(self._on_preferences)

        def changed() -> None:
            listener = method()
            if listener is not None:
                listener()

        self.shelf.at_close(on_places_changed(changed))

    def _on_preferences(self) -> None:
        preferred = default_choice()
        self._relocate(preferred.folder, preferred.mirrors)

    def _relocate(self, folder: str, mirrors: tuple[str, ...]) -> None:
        """Keep downloads in another folder, and get them from other mirrors, from now on."""
        self._controller.loading.relocate(folder, mirrors)
        self.shelf.changed.emit()
        self.refill()
