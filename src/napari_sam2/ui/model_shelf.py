"""The models of this computer, as the model manager works with them: rows, downloads, the measured speed. No Qt."""

import shutil
from collections.abc import Callable
from pathlib import Path

from psygnal import Signal

from napari_sam2.ui.backend import ModelChoice
from napari_sam2.ui.downloads import Download, Downloads, Fetch
from napari_sam2.ui.inference import InferenceThread
from napari_sam2.ui.messages import Cancelled, explain
from napari_sam2.ui.model_rows import Row, rows
from napari_sam2.ui.models import is_here, model_text
from napari_sam2.weights.costs import Rate, known_rate
from napari_sam2.weights.download import cache_folder, fetch, remove
from napari_sam2.weights.errors import DownloadError
from napari_sam2.weights.recent import forget_checkpoint
from napari_sam2.weights.registry import BUNDLED, PUBLISHED


def _measure(device: str, again: bool) -> Rate:
    from napari_sam2.weights.speed import measured_rate  # needs torch

    return measured_rate(device, again=again)


class ModelShelf:
    """Which models are here, which are on their way, and how fast they will be.

    Events:
        changed(): something that the manager shows may be different.
        files_changed(): a model has come or gone.
    """

    changed = Signal()
    files_changed = Signal()

    def __init__(
        self,
        thread: InferenceThread,
        post: Callable[[Callable[[], None]], None],
        choice: Callable[[], ModelChoice],
        tell: Callable[[str, str], None],
        fetch: Fetch = fetch,
        measure: Callable[[str, bool], Rate] = _measure,
    ) -> None:
        """
        Args:
            thread: on which models run; the computer is measured there, when nothing else runs.
            post: runs a call on the main thread.
            choice: the model in use, its device, folder and mirrors.
            tell: shows a notification, see `messages.tell`.
            fetch: gets a published model.
            measure: the rate of a device; its second argument asks for a new measurement.
        """
        self._thread, self._choice, self._tell, self._measure = thread, choice, tell, measure
        self.downloads = Downloads(post, fetch)
        self.measuring = False
        self.awaited = ""
        """The model that is to be used as soon as it is here; see `awaited.Awaited`."""
        self._trouble = ""
        self._at_close: list[Callable[[], None]] = []
        self.downloads.changed.connect(self.changed.emit)
        self.downloads.ended.connect(self._on_ended)

    def close(self) -> None:
        """Stop all downloads."""
        self.downloads.close()
        for call in self._at_close:
            call()

    def at_close(self, call: Callable[[], None]) -> None:
        """Let something run when it is closed."""
        self._at_close.append(call)

    def in_use(self) -> str:
        """The model in use."""
        return self._choice().model

    def rows(self) -> list[Row]:
        """What to show of all models."""
        running: dict[str, Download] = {}
        for name in PUBLISHED:
            download = self.downloads.get(name)
            if download is not None:
                running[name] = download
        choice = self._choice()
        return rows(choice.folder, known_rate(choice.device), running, choice.model)

    def has(self, model: str) -> bool:
        """Whether a model can be used without a download."""
        return is_here(model, self._choice().folder)

    def deletable(self, row: Row) -> bool:
        """Whether there is a file, or part of one, to delete."""
        return row.model != BUNDLED and (row.here or row.partial > 0)

    def download(self, model: str) -> None:
        """Get a published model; work goes on meanwhile."""
        choice = self._choice()
        self.downloads.start(model, choice.folder, choice.mirrors)

    def expect(self, model: str) -> None:
        """Get a published model that somebody wants to work with as soon as it is here."""
        self.awaited = model
        size, now = f"{PUBLISHED[model].about / 1e6:.0f} MB", model_text(self.in_use())
        self._tell("info", f"{model_text(model)} is being downloaded ({size}). {now} stays in use until it is here.")
        self.download(model)

    def delete(self, model: str) -> None:
        """Delete the file of a published model, and what an unfinished download has brought."""
        try:
            remove(PUBLISHED[model], self._choice().folder or None)
        except DownloadError as error:
            self._tell("error", explain(error, f"deleting {model_text(model)}"))
        self.files_changed.emit()
        self.changed.emit()

    def forget(self, path: str) -> None:
        """Take a checkpoint of the user's own from the list; the file stays."""
        forget_checkpoint(path)
        self.files_changed.emit()
        self.changed.emit()

    def _on_ended(self, name: str, error: BaseException | None) -> None:
        if error is None:
            then = "used next" if name == self.awaited else "can be used"
            self._tell("info", f"{model_text(name)} is downloaded and {then}.")
        elif not isinstance(error, Cancelled):  # the table shows what was cancelled
            self._tell("error", explain(error, f"downloading {model_text(name)}"))
        self.files_changed.emit()

    # Speed ------------------------------------------------------------------------------------------------------------

    def measure(self, again: bool = False) -> None:
        """Find out how fast this computer is, unless that is known; the thread's other work comes first."""
        device = self._choice().device
        if self.measuring or (known_rate(device) is not None and not again):
            return
        self.measuring, self._trouble = True, ""
        self._thread.submit(lambda: self._measure(device, again), lambda _: self._measured(""), self._not_measured)
        self.changed.emit()

    def _measured(self, trouble: str) -> None:
        self.measuring, self._trouble = False, trouble
        self.changed.emit()

    def _not_measured(self, error: BaseException) -> None:
        self._measured(explain(error, "measuring the speed"))

    @property
    def speed_note(self) -> str:
        """What the times in the table mean."""
        if self.measuring:
            return "Measuring how fast this computer is; this takes a few seconds …"
        rate = known_rate(self._choice().device)
        if rate is None:
            return self._trouble or "How fast this computer is has not been measured yet."
        return (
            f"Times are an estimate from a short measurement on this computer ({rate.device}), good to a factor of "
            "about 1.5. The published models look at whole frames, micro at a window around each object."
        )

    @property
    def folder_note(self) -> str:
        """Where downloads are kept, and how much room there is."""
        folder = Path(self._choice().folder or cache_folder()).expanduser()
        existing = next((parent for parent in (folder, *folder.parents) if parent.is_dir()), None)
        try:
            free = f", {shutil.disk_usage(existing).free / 1e9:.0f} GB free" if existing is not None else ""
        except OSError:
            free = ""
        return f"Downloads are kept in {folder}{free}."
