"""The row of the dock widget that gives results away: a menu of formats, and progress while one is written."""

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_sam2.export.calibration import TURNED
from napari_sam2.export.errors import ExportError
from napari_sam2.export.formats import FORMATS, Format
from napari_sam2.export.results import ExportOptions
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.controls import tab_stop
from napari_sam2.ui.export_jobs import ExportJobs, Job
from napari_sam2.ui.export_source import part_text, workspace_results
from napari_sam2.ui.hints import remaining_text
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import Cancelled, explain, tell
from napari_sam2.ui.object_summary import ObjectSummary
from napari_sam2.wording import counted

_OFFERS = {
    "split": "Split these objects in the export? Objects in napari stay as they are.",
    "renumber": "Renumber the tracks in the export? Objects in napari stay as they are.",
}


class ExportBar(QWidget):
    """ "Export…" and "Tracks"; while something is written, its progress and "Stop export"."""

    def __init__(self, viewer: Any, controller: Controller, loop: Loop) -> None:
        super().__init__()
        self.setObjectName("export_bar")
        self._viewer, self._controller = viewer, controller
        self._folder: Path | None = None
        self.jobs = ExportJobs(loop)
        self.summary = ObjectSummary(viewer, controller, self.jobs, loop)
        self.export = tab_stop(QPushButton("Export…"), "export", "Write the objects to a file that other programs read")
        self.tracks = tab_stop(QPushButton("Tracks"), "tracks", "Show the paths of the objects as a Tracks layer")
        self.stop_export = tab_stop(
            QPushButton("Stop export"), "stop_export", "Stop writing. What was there before stays."
        )
        self.progress = _progress()
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 10, 8)
        row.setSpacing(6)
        for widget in (self.export, self.tracks, self.progress, self.stop_export):
            row.addWidget(widget, 0 if widget is self.stop_export else 1)
        self.export.setMenu(self._menu())
        self.tracks.clicked.connect(lambda *_: self.summary.show_tracks())
        self.stop_export.clicked.connect(lambda *_: self.jobs.cancel())
        self.jobs.changed.connect(self._render)
        self.jobs.finished.connect(self._on_finished)
        self.jobs.refused.connect(self._on_refused)
        self.jobs.failed.connect(self._on_failed)
        self._render()

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setObjectName("export_formats")
        menu.setToolTipsVisible(True)
        for item in FORMATS.values():
            action = menu.addAction(f"{item.title}…")
            action.setObjectName(f"export_{item.name}")
            action.setToolTip(f"For {item.hint}")
            action.triggered.connect(partial(self._choose, item, False))
            if item.name == "ome-zarr":
                action = menu.addAction("OME-Zarr with the image…")
                action.setObjectName("export_ome-zarr_image")
                action.triggered.connect(partial(self._choose, item, True))
        return menu

    def _choose(self, item: Format, image: bool, *_: Any) -> None:
        """Ask for a name, then begin."""
        work = self._controller.workspace
        if work is None:
            tell("warning", "There is nothing to export yet. Open an image and segment something.")
            return
        hindrance = self._controller.hindrance("export")
        if hindrance:
            tell("warning", hindrance)
            return
        if self.jobs.running is not None:
            tell("warning", "An export is being written. Wait for its end, or stop it.")
            return
        path = self._ask_path(item, work.image)
        if path is None:
            return
        self._folder = path.parent
        try:
            results = workspace_results(work, self._viewer, volumes=item.volumes)
            part = part_text(work, volumes=item.volumes)
            self.jobs.start(Job(path, results, item.name, ExportOptions(image=image), part))
        except (ExportError, OSError) as error:
            self._on_failed(error)

    def _ask_path(self, item: Format, image: Any) -> Path | None:
        """The target, None when the user thinks better of it. Proposed is a place beside the image's file."""
        stem = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in image.name) or "objects"
        source = Path(image.source.path).parent if image.source.path else Path.home()
        folder = self._folder or (source if source.is_dir() else Path.home())
        proposed = folder / f"{stem}{item.suffix or '_RES'}"
        if str(proposed) in {layer.source.path for layer in self._viewer.layers}:
            # A TIFF movie of cells.tif is not to be called cells.tif.
            proposed = folder / f"{stem} objects{item.suffix}"
        kind = "Folder" if item.folder else "File"
        pattern = " ".join(f"*{suffix}" for suffix in (item.suffix, *item.suffixes) if suffix) or "*"
        name, _ = QFileDialog.getSaveFileName(self, f"Export {item.title}", str(proposed), f"{kind} ({pattern})")
        if not name:
            return None
        path = Path(name)
        if item.accepts(path):
            return path
        path = path.with_name(path.name + item.suffix)
        # The dialogue has not asked about this name.
        question = f"{path.name} exists. Replace it?"
        return path if not path.exists() or _agreed(self, question) else None

    def _render(self) -> None:
        job = self.jobs.running
        for widget in (self.export, self.tracks):
            widget.setVisible(job is None)
        for widget in (self.progress, self.stop_export):
            widget.setVisible(job is not None)
        if job is not None:
            self.progress.setRange(0, max(1, self.jobs.total))
            self.progress.setValue(self.jobs.done)
            share = round(100 * self.jobs.done / max(1, self.jobs.total))
            parts = (f"{FORMATS[job.format].title} {share} %", remaining_text(self.jobs.remaining))
            self.progress.setFormat(", ".join(part for part in parts if part))

    def _on_finished(self, job: Job) -> None:
        parts = (FORMATS[job.format].title, job.part, counted(job.results.count, "frame"))
        what = ", ".join(part for part in parts if part)
        tell("info", f"{what}: {job.path}")
        if job.results.calibration.turned:
            tell("warning", TURNED)

    def _on_refused(self, job: Job, error: ExportError) -> None:
        if error.offer is not None and _agreed(self, f"{_sentence(error)}\n\n{_OFFERS[error.offer]}"):
            self.jobs.start(job.with_offer(error.offer))

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, Cancelled):
            tell("info", "The export was stopped; nothing new was written.")
        elif isinstance(error, OSError):
            tell("error", _sentence(error))
        else:
            tell("error", explain(error, "exporting"))


def _sentence(error: BaseException) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _agreed(parent: QWidget, question: str) -> bool:
    """Whether the user says yes."""
    buttons = QMessageBox.StandardButton
    return bool(QMessageBox.question(parent, "Export", question, buttons.Yes | buttons.Cancel) == buttons.Yes)


def _progress() -> QProgressBar:
    bar = QProgressBar()
    bar.setObjectName("export_progress")
    bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
    bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return bar
