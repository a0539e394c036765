"""Measurements against those of scikit-image, and the file."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import regionprops

from napari_sam2.export.table import measure, write_table


@given(arrays(np.uint16, (2, 6, 7), elements=st.sampled_from([0, 0, 1, 2, 900])))
@settings(max_examples=40, deadline=None)
def test_agrees_with_regionprops(labels: np.ndarray) -> None:
    found = {(row.object, row.frame): (row.area, row.centroid_y, row.centroid_x) for row in measure(labels, {})}
    expected = {
        (region.label, frame): (region.area, *region.centroid)
        for frame in range(2)
        for region in regionprops(labels[frame])
    }
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, abs=1e-3)


def test_the_file(tmp_path: Path) -> None:
    labels = np.zeros((3, 5, 5), np.uint16)
    labels[0, 1, 1:4] = 4
    labels[2, 3, 3] = 4
    labels[2, 0, 0] = 2
    write_table(tmp_path / "table.csv", labels, {(4, 0): 0.87654, (4, 1): 0.1, (2, 2): 0.5})
    with (tmp_path / "table.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["object", "frame", "area", "centroid_y", "centroid_x", "score"],
            ["4", "0", "3", "1.0", "2.0", "0.8765"],
            ["2", "2", "1", "0.0", "0.0", "0.5000"],
            ["4", "2", "1", "3.0", "3.0", ""],
        ]
