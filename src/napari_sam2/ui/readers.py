"""What napari calls to open sessions and Cell Tracking Challenge folders, or the file in them that says what they are.

napari comes here with every folder, whatever is in it, so this looks for a few names and no further. In its dialogue
this reader may stand chosen for folders of images and zarrs too: they go on to napari's own reader, so that a quick OK
opens them as ever.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import pandas as pd
from dask.delayed import delayed
from napari.utils import notifications, progress
from napari_builtins.io import napari_get_reader

from napari_sam2.export.errors import ExportError
from napari_sam2.export.measure import measure
from napari_sam2.export.read_ctc import is_ctc, read_ctc
from napari_sam2.export.results import Results
from napari_sam2.export.summary import features, track_rows
from napari_sam2.result_sources import is_session, says_session, session_results
from napari_sam2.ui.opening import METADATA

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str], list[LayerData]]


def get_reader(path: str | list[str]) -> Reader | None:
    """A reader for a folder, or for the file in it that says what it is; None for other files."""
    if isinstance(path, list):
        return None
    folder = folder_of(path)
    ours = None
    if folder.is_dir() and (says_session(folder) or not is_session(folder)):
        ours = next((reader for is_ours, reader in READERS if is_ours(folder)), None)
    return napari_get_reader(path) if ours is None and Path(path).is_dir() else ours


def folder_of(path: str) -> Path:
    """The folder that is meant; the file that says what it is stands for it."""
    found = Path(path)
    return found.parent if found.suffix.lower() in (".txt", ".json") and not found.is_dir() else found


def read_ctc_layers(path: str) -> list[LayerData]:
    """Labels and tracks of a Cell Tracking Challenge folder. Raises ExportError when it cannot be read."""
    return _layers(read_ctc(folder_of(path)))


def read_session_layers(path: str) -> list[LayerData]:
    """Labels and tracks of a session. The widget, open or opened later, puts the whole session in their place."""
    layers = _layers(session_results(folder_of(path)))
    return [(data, {**about, "metadata": {METADATA: str(folder_of(path))}}, kind) for data, about, kind in layers]


def _layers(results: Results) -> list[LayerData]:
    with progress(total=results.count, desc=f"Reading the tracks of {results.title}") as bar:
        measured = measure(results, lambda done, _: bar.update(done - bar.n))
    try:
        rows, graph, properties = track_rows(results, measured)
    except ExportError as error:
        notifications.show_warning(f"The tracks are shown without lineage: {error}.")
        rows, graph, properties = track_rows(Results(results.labels), measured)
    axes = _placement(results)
    # Also where they come from, for whoever saves the labels in another format.
    known = {"name": results.title, "features": pd.DataFrame(features(results, measured)), **axes}
    layers: list[LayerData] = [(_lazy(results), known, "labels")]
    if len(rows):
        about = {"name": f"{results.title} tracks", "graph": graph, "features": properties, **axes}
        layers.append((rows, about, "tracks"))
    return layers


def _placement(results: Results) -> dict[str, Any]:
    """Where the layers lie: on the image that the labels are of, as far as that is known."""
    sizes = results.calibration
    return {
        "axis_labels": tuple(results.axes.lower()),
        "scale": (sizes.frame_step, *results.pixel_size),
        "translate": (sizes.frame_origin, *results.origin),
        "units": (sizes.frame_unit or "pixel", *[sizes.space_unit or "pixel"] * len(results.frame_shape)),
    }


def _lazy(results: Results) -> Any:
    """The labels as an array that napari can slice; a frame is read when it is looked at."""
    first = results.frame(0)
    read = delayed(results.frame)
    blocks = [dask.array.from_delayed(read(index), first.shape, first.dtype)[None] for index in range(results.count)]
    return dask.array.concatenate(blocks)


READERS: list[tuple[Callable[[Path], bool], Reader]] = [(is_session, read_session_layers), (is_ctc, read_ctc_layers)]
"""(whether a folder is of this kind, what reads it), the first that fits"""
