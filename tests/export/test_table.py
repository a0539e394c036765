"""Measurements against those of scikit-image, and the table read with pandas."""

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import regionprops

from napari_sam2.export.measure import compact, measure
from napari_sam2.export.results import Channel, Results
from napari_sam2.export.table import write_table


@given(arrays(np.int32, (2, 2, 4, 5), elements=st.sampled_from([0, 0, 1, 2, 900])), st.booleans())
@settings(max_examples=40, deadline=None)
def test_agrees_with_regionprops(labels, flat):
    labels = labels[:, 0] if flat else labels
    image = np.random.default_rng(0).integers(-50, 1000, labels.shape)
    found = measure(Results(labels, channels=(Channel("a", image),)), intensities=True)
    expected = [
        (region.label, frame, region) for frame in range(2) for region in regionprops(labels[frame], image[frame])
    ]
    assert list(zip(found.object, found.frame, strict=True)) == [(label, frame) for label, frame, _ in expected]
    for row, (_, _, region) in enumerate(expected):
        assert found.area[row] == region.area
        assert found.centroid[row] == pytest.approx(region.centroid)
        assert tuple(found.box[row].ravel()) == region.bbox
        assert found.intensity[row, 0] == pytest.approx(
            [region.intensity_mean, region.intensity_min, region.intensity_max]
        )


@given(arrays(np.int64, (3, 4), elements=st.sampled_from([0, 1, 7, 2**20 - 1, 2**20, 2**40])))
@settings(max_examples=40, deadline=None)
def test_small_and_large_labels_are_told_apart_alike(labels):
    ids, which, counts = compact(labels)
    expected, _, times = np.unique(labels, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(counts, times)
    np.testing.assert_array_equal(ids[which], labels)


def test_the_plain_table(tmp_path):
    labels = np.zeros((3, 5, 5), np.uint16)
    labels[0, 1, 1:4] = 4
    labels[2, 3, 3] = 4
    labels[2, 0, 0] = 2
    results = Results(labels, scores={(4, 0): 0.87654, (4, 1): 0.1, (2, 2): 0.5})
    write_table(tmp_path / "table.csv", results, measure(results))
    assert (tmp_path / "table.csv").read_text().splitlines() == [
        "object,frame,area,centroid_y,centroid_x,score",
        "4,0,3,1.000,2.000,0.8765",
        "2,2,1,0.000,0.000,0.5000",
        "4,2,1,3.000,3.000,",
    ]


def test_units_intensities_names_and_parents(export, results, image):
    table = pandas.read_csv(export(results, "csv", "cells.csv"))
    row = table[(table.object == 2) & (table.frame == 3)].iloc[0]
    assert row["area_µm2"] == pytest.approx(50 * 0.125)
    assert (row["centroid_y_µm"], row["centroid_x_µm"]) == pytest.approx((16.0, 47.5 * 0.25))
    assert row["time_s"] == 90
    assert row["score"] == 0.75
    assert row["parents"] == 7
    region = image[3, 30:35, 43:53]
    assert row["intensity_mean_GFP"] == pytest.approx(region.mean(), rel=1e-5)
    assert (row["intensity_min_GFP"], row["intensity_max_GFP"]) == (region.min(), region.max())
    assert set(table[table.object == 7].name) == {"mother"}
    assert len(table) == 15


def test_what_is_no_number_in_the_image_is_left_out(labels):
    image = np.ones(labels.shape, np.float32)
    image[0, 10:20, 10:19] = np.nan
    image[0, 32:52] = np.inf
    found = measure(Results(labels, channels=(Channel("a", image),)), intensities=True)
    assert found.intensity[0, 0].tolist() == [1, 1, 1]
    assert np.isnan(found.intensity[1, 0]).all()
