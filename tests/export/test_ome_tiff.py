"""OME-TIFF, read back with tifffile."""

import numpy as np
import pytest
import tifffile

from napari_sam2.export.calibration import Calibration
from napari_sam2.export.errors import ExportError
from napari_sam2.export.results import Results


def pixels_of(path) -> dict:
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        return tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]


def test_labels_axes_sizes_and_times(export, results, labels):
    path = export(results, "ome-tiff", "cells.ome.tif")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.series[0].axes == "TYX"
        assert tiff.series[0].dtype == np.uint16
        np.testing.assert_array_equal(tiff.asarray(), labels)
    pixels = pixels_of(path)
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    assert (pixels["PhysicalSizeYUnit"], pixels["PhysicalSizeXUnit"]) == ("µm", "µm")
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (30.0, "s")


def test_slices(export, labels):
    calibration = Calibration((0.2, 0.2), "millimeter", 3.0, "millimeter")
    path = export(Results(labels, "Z", calibration=calibration), "ome-tiff", "ct.tif")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.series[0].axes == "ZYX"
    pixels = pixels_of(path)
    assert [pixels[f"PhysicalSize{axis}"] for axis in "ZYX"] == [3.0, 0.2, 0.2]
    assert "TimeIncrement" not in pixels


def test_volumes_over_time_with_wide_labels(export):
    labels = np.zeros((2, 3, 8, 9), np.int64)
    labels[1, 2, 4:6, 5] = 2**32 - 1
    path = export(Results(labels, calibration=Calibration((2.0, 0.5, 0.5), "micrometer")), "ome-tiff", "v.ome.tif")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.series[0].axes == "TZYX"
        assert tiff.series[0].dtype == np.uint32
        np.testing.assert_array_equal(tiff.asarray(), labels)
    assert pixels_of(path)["PhysicalSizeZ"] == 2.0


def test_what_does_not_fit(export, tmp_path):
    labels = np.full((1, 4, 4), 2**32, np.uint64)
    with pytest.raises(ExportError, match="label 4294967296 does not fit"):
        export(Results(labels), "ome-tiff", "a.ome.tif")
    assert list(tmp_path.iterdir()) == []
