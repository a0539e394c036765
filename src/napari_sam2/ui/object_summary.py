"""What is known of every object, where napari shows it: features of the Labels layer, and a Tracks layer."""

from functools import partial
from typing import Any

import pandas as pd
from napari.layers import Tracks

from napari_sam2.export.errors import ExportError
from napari_sam2.export.measure import Measurements, measure
from napari_sam2.export.results import Progress, Results
from napari_sam2.export.summary import features, track_rows
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.export_jobs import ExportJobs
from napari_sam2.ui.export_source import Cut, workspace_cut, workspace_results
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import Cancelled, explain, tell
from napari_sam2.ui.workspace import ViewerLike, Workspace

TRACKS = "SAM 2 tracks"
_BY_ITSELF = 2**31
"""Bytes of labels up to which they are measured after a propagation; larger ones are on a disk and take minutes."""
_QUICK = 2**28
"""Bytes of labels up to which they are measured again after every edit."""
_PAUSE = 1.0
"""Seconds after an edit."""


class ObjectSummary:
    """Measures the objects in the background: after every propagation, when a session is opened or tracks are asked
    for, and after edits where there is a lineage or what was measured before.

    Area, place, first and last frame and the lowest score of an object stand in napari's status bar then, under the
    mouse, and napari's own save dialogue finds names and lineage there.
    """

    def __init__(self, viewer: ViewerLike, controller: Controller, jobs: ExportJobs, loop: Loop) -> None:
        self._viewer, self._controller, self._jobs, self._loop = viewer, controller, jobs, loop
        self._waiting = False
        controller.propagation.ended.connect(self._on_ended)
        controller.keeping.opened.connect(self._on_ended)
        controller.workspaces.opened.connect(self._on_opened)
        if controller.workspace is not None:
            self._on_opened(controller.workspace)

    def _on_opened(self, work: Workspace) -> None:
        work.document.objects_changed.connect(self._on_objects, unique=True)

    def _on_objects(self) -> None:
        """Objects were renamed, merged, split, deleted: look again when the user has paused."""
        if not self._waiting:
            self._waiting = True
            self._loop.later(_PAUSE, self._after_edits)

    def _after_edits(self) -> None:
        self._waiting = False
        work = self._controller.workspace
        if work is None or self._controller.propagation.running or not work.in_viewer:
            return
        layer = work.layers[0]
        if ("index" in layer.features or work.document.parents) and layer.data.nbytes <= _QUICK:
            self.update(work)

    def _on_ended(self, *args: Any) -> None:
        work = self._controller.workspace
        if work is not None and work.layers[0].data.nbytes <= _BY_ITSELF:
            self.update(work)

    def update(self, work: Workspace) -> None:
        """Measure, and fill the features of the Labels layer."""
        results = workspace_results(work, self._viewer, volumes=True)
        self._jobs.work(partial(_measured, results), partial(self._on_features, work), _on_failed)

    def show_tracks(self) -> None:
        """Measure, fill the features, and put a Tracks layer in the place of the one before."""
        work = self._controller.workspace
        if work is None:
            tell("warning", "There is no image yet. Open one, or drop a file onto the viewer.")
            return
        cut = workspace_cut(work, volumes=True)
        if list(cut.axes) != list(range(len(cut.shape) - len(cut.axes), len(cut.shape))) or cut.frame is None:
            order = " ".join(work.image.axis_labels)
            tell("warning", f"Tracks need frames over (z,) y, x, this image has the axes {order}. Transpose it first.")
            return
        results = workspace_results(work, self._viewer, volumes=True)
        self._jobs.work(partial(_measured, results), partial(self._on_tracks, work, cut), _on_failed)

    def _on_features(self, work: Workspace, answer: tuple[Results, Measurements]) -> None:
        work.layers[0].features = pd.DataFrame(features(*answer))

    def _on_tracks(self, work: Workspace, cut: Cut, answer: tuple[Results, Measurements]) -> None:
        self._on_features(work, answer)
        results, measured = answer
        if not len(measured):
            tell("warning", "No frame has an object yet. Click a cell and propagate, then show the tracks.")
            return
        try:
            rows, graph, properties = track_rows(results, measured)
        except ExportError as error:
            tell("warning", f"The tracks are shown without lineage: {error}.")
            rows, graph, properties = track_rows(Results(results.labels, results.frame_axis), measured)
        if TRACKS in self._viewer.layers:
            self._viewer.layers.remove(TRACKS)
        active = self._viewer.layers.selection.active
        layer = work.layers[0]
        count = len(cut.axes)
        tracks = Tracks(
            rows,
            graph=graph,
            features=pd.DataFrame(properties),
            name=TRACKS,
            scale=layer.scale[-count:],
            translate=layer.translate[-count:],
            units=layer.units[-count:],
            axis_labels=layer.axis_labels[-count:],
        )
        self._viewer.add_layer(tracks)
        # The next click is for the prompts, not for the tracks.
        self._viewer.layers.selection.active = active


def _measured(results: Results, progress: Progress) -> tuple[Results, Measurements]:
    return results, measure(results, progress)


def _on_failed(error: BaseException) -> None:
    if not isinstance(error, Cancelled):
        tell("error", explain(error, "measuring the objects"))
