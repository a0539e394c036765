"""What napari calls to open folders that it does not know: a Cell Tracking Challenge folder, as labels and tracks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils import notifications

from napari_sam2.export.errors import ExportError
from napari_sam2.export.measure import measure
from napari_sam2.export.read_ctc import is_ctc, read_ctc
from napari_sam2.export.results import Results
from napari_sam2.export.summary import track_rows

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str], list[LayerData]]


def get_reader(path: str | list[str]) -> Reader | None:
    """A reader for a folder, or for the table of tracks in it; None for anything that is not ours."""
    if isinstance(path, list):
        return None
    folder = folder_of(path)
    return next((reader for is_ours, reader in READERS if is_ours(folder)), None) if folder.is_dir() else None


def folder_of(path: str) -> Path:
    """The folder that is meant; the file that names its tracks stands for it."""
    found = Path(path)
    return found.parent if found.suffix.lower() == ".txt" else found


def read_ctc_layers(path: str) -> list[LayerData]:
    """Labels and tracks of a Cell Tracking Challenge folder. Raises ExportError when it cannot be read."""
    results = read_ctc(folder_of(path))
    measured = measure(results)
    try:
        rows, graph, properties = track_rows(results, measured)
    except ExportError as error:
        notifications.show_warning(f"The tracks are shown without lineage: {error}.")
        rows, graph, properties = track_rows(Results(results.labels), measured)
    axes = {"axis_labels": tuple(results.axes.lower())}
    layers: list[LayerData] = [(results.labels, {"name": results.title, **axes}, "labels")]
    if len(rows):
        about = {"name": f"{results.title} tracks", "graph": graph, "features": properties, **axes}
        layers.append((rows, about, "tracks"))
    return layers


READERS: list[tuple[Callable[[Path], bool], Reader]] = [(is_ctc, read_ctc_layers)]
"""(whether a folder is of this kind, what reads it), the first that fits"""
