"""What a whole object is like: a features table for the labels, and rows for a layer of tracks."""

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam2.export.calibration import symbol
from napari_sam2.export.measure import Measurements
from napari_sam2.export.results import Results
from napari_sam2.export.tracks import tracks_of

Columns = dict[str, list[Any]]


def features(results: Results, measured: Measurements) -> Columns:
    """Columns with one entry per object; `index` is its label, as napari's Labels layer wants it.

    Areas are means over the frames in which the object is; centroids are those of its first frame, in pixels. Units of
    length come in where they are known. `lowest_score` is NaN where there are no scores.
    """
    calibration, spans = results.calibration, measured.spans()
    rows = {item: np.flatnonzero(measured.object == item) for item in spans}
    worst: dict[int, float] = {}
    for (item, _), score in results.scores.items():
        if item in spans and score == score:
            worst[item] = min(worst.get(item, np.inf), float(score))
    out: Columns = {"index": list(spans), "name": [results.name(item) for item in spans]}
    out["area"] = [round(float(measured.area[rows[item]].mean()), 1) for item in spans]
    if calibration.known:
        pixel = float(np.prod(results.pixel_size))
        unit = f"{symbol(calibration.space_unit)}{'3' if len(results.frame_shape) == 3 else '2'}"
        out[f"area_{unit}"] = [float(f"{measured.area[rows[item]].mean() * pixel:.6g}") for item in spans]
    for axis, name in enumerate("zyx"[-len(results.frame_shape) :]):
        out[f"centroid_{name}"] = [round(float(measured.centroid[rows[item][0], axis]), 1) for item in spans]
    out["first_frame"] = [int(frames[0]) for frames in spans.values()]
    out["last_frame"] = [int(frames[-1]) for frames in spans.values()]
    out["frames"] = [len(frames) for frames in spans.values()]
    out["lowest_score"] = [round(worst.get(item, np.nan), 3) for item in spans]
    if results.parents:
        out["parents"] = [" ".join(str(parent) for parent in results.parents.get(item, ())) for item in spans]
    return out


def track_rows(
    results: Results, measured: Measurements
) -> tuple[npt.NDArray[np.float64], dict[int, list[int]], dict[str, npt.NDArray[Any]]]:
    """What a napari Tracks layer is made of: rows [track, frame, (z,) y, x] in data pixels, the graph, and properties.

    Raises:
        ExportError: a parent is not there before its child.
    """
    tracks = tracks_of(measured, results.parents)
    nodes = {key: row for row, key in enumerate(zip(measured.object.tolist(), measured.frame.tolist(), strict=True))}
    order = [nodes[track.object, frame] for track in tracks for frame in track.frames.tolist()]
    ids = np.repeat([track.id for track in tracks], [len(track.frames) for track in tracks]).astype(np.float64)
    rows = np.column_stack([ids, measured.frame[order], measured.centroid[order]])
    properties = {"object": measured.object[order], "area": measured.area[order]}
    graph = {track.id: list(track.parents) for track in tracks if track.parents}
    return rows, graph, properties
