"""GEFF: objects as nodes of a graph, one per frame, with edges through time and from parents to children."""

from pathlib import Path
from typing import Any

from napari_sam2.export.errors import ExportError
from napari_sam2.export.folders import check_folder, folder_written_beside
from napari_sam2.export.libraries import need
from napari_sam2.export.measure import Measurements
from napari_sam2.export.results import ExportOptions, Progress, Results
from napari_sam2.export.tracks import Track, tracks_of

WHAT = "GEFF"
TRACKLET, LINEAGE = "tracklet", "lineage"


def write_geff(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write the graph. Positions are in pixels and frames; the axes carry scale, unit and offset.

    Nodes have `label` (the value in the label image), `area`, `score` where it is known, and the track properties
    `tracklet` and `lineage`. An edge may leap over frames in which an object is absent.

    Raises:
        ExportError: slices instead of time, no object, a parent that is not before its child, or a missing library.
        OSError: the folder cannot be written; what was there before stays.
    """
    check_folder(path, is_ours, "a GEFF graph")
    if results.frame_axis != "T":
        raise ExportError(
            f"{WHAT} holds tracks over time, these are slices (axis Z); export OME-TIFF or OME-Zarr, or name the axis T"
        )
    if not len(measured):
        raise ExportError(f"no frame has an object, so a {WHAT} graph would be empty; segment something first")
    tracks = tracks_of(measured, results.parents)
    geff = need("geff", "geff", WHAT)
    graph = graph_of(results, measured, tracks)
    calibration, ndim = results.calibration, len(results.frame_shape)
    names = ["t", *"zyx"[-ndim:]]
    metadata = geff.GeffMetadata(
        directed=True,
        node_props_metadata={},
        edge_props_metadata={},
        track_node_props={"tracklet": TRACKLET, "lineage": LINEAGE},
        extra={"title": results.title, "names": {str(item): results.name(item) for item in measured.ids}},
    )
    with folder_written_beside(path) as folder:
        geff.write(
            graph,
            folder,
            metadata=metadata,
            axis_names=names,
            axis_types=["time", *["space"] * ndim],
            axis_units=[None, *["pixel"] * ndim],
            axis_scales=[calibration.frame_step, *results.pixel_size],
            axis_offset=[calibration.frame_origin, *results.origin] if calibration.placed else None,
            scaled_units=[calibration.frame_unit, *[calibration.space_unit or "pixel"] * ndim],
            zarr_format=3,
            overwrite=True,  # the new, empty folder
        )
    return [path]


def is_ours(folder: Path) -> bool:
    """Whether a folder is a GEFF graph and nothing else."""
    names = {item.name for item in folder.iterdir()}
    return {"nodes", "edges"} <= names <= {"nodes", "edges", "zarr.json", ".zgroup", ".zattrs", ".zmetadata"}


def graph_of(results: Results, measured: Measurements, tracks: list[Track]) -> Any:
    """A networkx.DiGraph whose nodes are the rows of the measurements."""
    networkx = need("networkx", "networkx", WHAT)
    graph = networkx.DiGraph()
    axes = "zyx"[-len(results.frame_shape) :]
    scored = all((item, index) in results.scores for item, index in _keys(measured))
    for row, (item, index) in enumerate(_keys(measured)):
        place = {axis: float(value) for axis, value in zip(axes, measured.centroid[row], strict=True)}
        own = {"score": float(results.scores[item, index])} if scored else {}
        graph.add_node(row, t=index, **place, label=item, area=int(measured.area[row]), **own)
    nodes = {key: row for row, key in enumerate(_keys(measured))}
    by_id = {track.id: track for track in tracks}
    for track in tracks:
        own_nodes = [nodes[track.object, frame] for frame in track.frames.tolist()]
        networkx.add_path(graph, own_nodes)
        for parent in track.parents:
            before = by_id[parent]
            last = int(before.frames[before.frames < track.first][-1])
            graph.add_edge(nodes[before.object, last], own_nodes[0])
    _name_tracks(networkx, graph)
    return graph


def _name_tracks(networkx: Any, graph: Any) -> None:
    """Give every node its lineage and tracklet: pieces without branches, as the format defines them."""
    for number, nodes in enumerate(networkx.weakly_connected_components(graph), start=1):
        for node in nodes:
            graph.nodes[node][LINEAGE] = number
    trunk = networkx.DiGraph()
    trunk.add_nodes_from(graph)
    trunk.add_edges_from((a, b) for a, b in graph.edges if graph.out_degree(a) == 1 and graph.in_degree(b) == 1)
    for number, nodes in enumerate(networkx.weakly_connected_components(trunk), start=1):
        for node in nodes:
            graph.nodes[node][TRACKLET] = number


def _keys(measured: Measurements) -> list[tuple[int, int]]:
    """(object, frame) of every row."""
    return list(zip(measured.object.tolist(), measured.frame.tolist(), strict=True))
