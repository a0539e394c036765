"""GEFF graphs, read back and checked with geff."""

from dataclasses import replace

import geff
import networkx
import numpy as np
import pytest
from geff.validate.tracks import validate_lineages, validate_tracklets

from napari_sam2.export.errors import ExportError
from napari_sam2.export.results import Results


def test_the_graph(export, results):
    path = export(results, "geff", "cells.geff")
    geff.validate_structure(path)
    graph, metadata = geff.read(path, structure_validation=True)
    label = networkx.get_node_attributes(graph, "label")
    time = networkx.get_node_attributes(graph, "t")
    edges = {((label[a], time[a]), (label[b], time[b])) for a, b in graph.edges}
    assert ((7, 1), (2, 2)) in edges
    assert ((7, 1), (3, 2)) in edges
    assert ((1, 2), (1, 4)) in edges, "over the gap"
    assert len(graph) == 5 + 2 + 4 + 4
    assert len(edges) == 4 + 1 + 3 + 3 + 2
    node = next(node for node in graph if (label[node], time[node]) == (1, 0))
    assert graph.nodes[node]["y"] == graph.nodes[node]["x"] == 14.5
    assert graph.nodes[node]["area"] == 100
    axes = [(axis.name, axis.type, axis.scale, axis.scaled_unit) for axis in metadata.axes]
    assert axes == [
        ("t", "time", 30.0, "second"),
        ("y", "space", 0.5, "micrometer"),
        ("x", "space", 0.25, "micrometer"),
    ]
    assert metadata.track_node_props == {"lineage": "lineage", "tracklet": "tracklet"}
    assert metadata.extra["names"]["7"] == "mother"


def test_tracklets_and_lineages_are_what_geff_means_by_them(export, results):
    path = export(results, "geff", "cells.geff")
    graph, _ = geff.read(path)
    nodes, edges = np.array(list(graph)), np.array(list(graph.edges))
    tracklets, lineages = (np.array([graph.nodes[node][name] for node in graph]) for name in ("tracklet", "lineage"))
    assert validate_tracklets(nodes, edges, tracklets) == (True, [])
    assert validate_lineages(nodes, edges, lineages) == (True, [])
    assert len(np.unique(tracklets)) == 4
    assert len(np.unique(lineages)) == 2


def test_fusions_scores_and_volumes(export):
    labels = np.zeros((3, 2, 6, 6), np.uint8)
    labels[:2, 0, 0], labels[:2, 1, 4], labels[2, :, 2] = 1, 2, 3
    scores = dict.fromkeys(((1, 0), (1, 1), (2, 0), (2, 1), (3, 2)), 0.5)
    graph, metadata = geff.read(export(Results(labels, scores=scores, parents={3: (1, 2)}), "geff", "a.geff"))
    assert [axis.name for axis in metadata.axes] == ["t", "z", "y", "x"]
    (fused,) = (node for node, label in graph.nodes(data="label") if label == 3)
    assert graph.in_degree(fused) == 2
    assert all(score == 0.5 for _, score in graph.nodes(data="score"))


def test_what_it_does_not_hold(export, results, tmp_path):
    for change, message in (
        ({"labels": results.labels * 0}, "would be empty"),
        ({"frame_axis": "Z"}, "these are slices"),
        ({"parents": {7: (2,)}}, "object 7 would begin before or together with the parent"),
    ):
        with pytest.raises(ExportError, match=message):
            export(replace(results, **change), "geff", "a.geff")
    (tmp_path / "a.geff").mkdir()
    (tmp_path / "a.geff" / "notes.txt").touch()
    with pytest.raises(ExportError, match="holds other things"):
        export(results, "geff", "a.geff")
