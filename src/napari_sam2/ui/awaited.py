"""A model that was chosen before it is here: it comes beside the work, and is used when it has come. No Qt."""

from collections.abc import Callable

from psygnal import Signal

from napari_sam2.ui.hints import remaining_text
from napari_sam2.ui.model_shelf import ModelShelf
from napari_sam2.ui.models import model_text


class Awaited:
    """The wish for a model that has to be downloaded first. The model in use stays so until then.

    Events:
        changed(): the wish, or how much of it is here, is another one.
    """

    changed = Signal()

    def __init__(self, shelf: ModelShelf, use: Callable[[str], None], free: Callable[[], bool]) -> None:
        """
        Args:
            shelf: what downloads.
            use: called with the model when it is here.
            free: whether another model can be used now; `settle` asks again.
        """
        self._shelf, self._use, self._free = shelf, use, free
        self._begun_here = self._arrived = False
        shelf.downloads.changed.connect(self._on_progress)
        shelf.downloads.ended.connect(self._on_ended)

    @property
    def model(self) -> str:
        """Which it is, "" when none is wished for."""
        return self._shelf.awaited

    @property
    def amount(self) -> tuple[int, int | None]:
        """(bytes so far, bytes in all or None)."""
        download = self._shelf.downloads.get(self.model)
        return (download.amount if download is not None else None) or (0, None)

    @property
    def text(self) -> str:
        """What is on its way: "SAM 2.1 tiny: 34 of 156 MB, 3 min left"; "" when nothing is."""
        return f"{model_text(self.model)}: {self.progress}" if self.model else ""

    @property
    def progress(self) -> str:
        """How much of it is here, in words."""
        download = self._shelf.downloads.get(self.model)
        if download is None:
            return "downloaded"
        if download.amount is None:
            return "waiting"
        done, total = (round(value / 1e6) if value is not None else None for value in download.amount)
        parts = (f"{done} MB" if total is None else f"{done} of {total} MB", remaining_text(download.remaining))
        return ", ".join(part for part in parts if part)

    def choose(self, model: str) -> None:
        """Use a model, at once where it is here, else when it has been downloaded. Takes an earlier wish back."""
        if model == self.model:
            return
        self.cancel()
        if self._shelf.has(model):
            self._use(model)
            return
        before = self._shelf.downloads.get(model)
        self._begun_here = before is None or before.cancelling
        self._shelf.expect(model)
        self.changed.emit()

    def cancel(self) -> None:
        """Give the wish up. A download that was begun for it stops; what has arrived is kept for the next time."""
        self._arrived = False
        model, self._shelf.awaited = self.model, ""
        if model:
            if self._begun_here:
                self._shelf.downloads.cancel(model)
            self.changed.emit()

    def settle(self) -> None:
        """Use the model if it is here and nothing stands against it."""
        if self._arrived and self._free():
            self._arrived = False
            model, self._shelf.awaited = self.model, ""
            self._use(model)
            self.changed.emit()

    def _on_progress(self) -> None:
        if self.model:
            self.changed.emit()

    def _on_ended(self, name: str, error: BaseException | None) -> None:
        if name != self.model:
            return
        if error is None:
            self._arrived = True
            self.settle()
        else:  # the shelf says why
            self._shelf.awaited = ""
        self.changed.emit()
