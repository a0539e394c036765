"""Sizes as files of other programs say them."""

import csv
import shutil
from dataclasses import replace

import geff
import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.export.calibration import Calibration
from napari_sam2.export.file_calibration import calibration_of, from_sizes
from napari_sam2.export.results import Results

STACK = np.zeros((2, 3, 8, 9), np.uint16)
VOLUMES = Calibration((2.0, 0.5, 0.25), "micrometer", 30.0, "second")


def test_imagej(tmp_path):
    about = {"axes": "TZYX", "spacing": 2.0, "unit": "um", "finterval": 30.0}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(4.0, 2.0), metadata=about)
    assert calibration_of(tmp_path / "a.tif", "T", volumes=True) == VOLUMES
    assert calibration_of(tmp_path / "a.tif", "Z") == Calibration((0.5, 0.25), "micrometer", 2.0, "micrometer")


@pytest.mark.parametrize(("name", "file"), [("ome-tiff", "a.ome.tif"), ("ome-zarr", "a.zarr")])
def test_our_own(export, name, file):
    labels = STACK.copy()
    labels[:, 1, 2:5, 2:5] = 1
    assert calibration_of(export(Results(labels, calibration=VOLUMES), name, file), "T", volumes=True) == VOLUMES


def test_ome_zarr_0_4(tmp_path):
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [3.0, 0.5, 0.5]}]
    multiscales = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]
    zarr.create_group(tmp_path / "a.zarr", zarr_format=2, attributes={"multiscales": multiscales})
    assert calibration_of(tmp_path / "a.zarr", "Z") == Calibration((0.5, 0.5), "micrometer", 3.0, "micrometer")


def test_what_says_nothing(tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", STACK[0, 0])
    np.save(tmp_path / "a.npy", STACK)
    zarr.create_group(tmp_path / "odd.zarr", attributes={"ome": {"multiscales": [{"axes": 3, "datasets": "x"}]}})
    (tmp_path / "text.tif").write_text("no TIFF")
    tifffile.imwrite(
        tmp_path / "odd.tif", STACK[0, 0], description="<OME xmlns='http://www.openmicroscopy.org'><Image></OME>"
    )
    for name in ("plain.tif", "a.npy", "odd.zarr", "text.tif", "odd.tif"):
        assert calibration_of(tmp_path / name, "T") == Calibration(), name


def test_sizes_that_cannot_be():
    assert from_sizes({"X": (0.0, "um"), "Y": (float("nan"), "um"), "T": (-1.0, "s")}, "T") == Calibration()
    assert from_sizes({"X": (1.0, "um"), "Y": (2.0, "mm")}, "T").space_unit is None
    assert from_sizes({"X": (-0.5, "um"), "Y": (0.5, "um")}, "T").pixel_size == (0.5, 0.5)


@pytest.mark.parametrize(("name", "file"), [("ome-tiff", "a.ome.tif"), ("ome-zarr", "a.zarr")])
def test_where_the_image_lies_comes_back(export, name, file):
    placed = replace(VOLUMES, origin=(-4.0, 10.5, 0.25), frame_origin=90.0)
    labels = STACK.copy()
    labels[:, 1, 2:5, 2:5] = 1
    assert calibration_of(export(Results(labels, calibration=placed), name, file), "T", volumes=True) == placed


@pytest.mark.parametrize(("name", "file"), [("ome-tiff", "a.ome.tif"), ("ome-zarr", "a.zarr")])
def test_where_slices_lie_comes_back(export, name, file):
    slices = Calibration((0.5, 0.25), "micrometer", 2.0, "micrometer", (10.5, 0.25), -3.0)
    assert calibration_of(export(Results(STACK[0] + 1, "Z", calibration=slices), name, file), "Z") == slices


def test_where_the_image_lies_counts_in_graphs_and_tables(export):
    placed = replace(VOLUMES, origin=(-4.0, 10.5, 0.25), frame_origin=90.0)
    labels = STACK.copy()
    labels[:, 1, 2:5, 2:5] = 1
    results = Results(labels, calibration=placed)
    path = export(results, "geff", "a.geff")
    _, metadata = geff.read(path)
    shutil.rmtree(path)
    assert [axis.offset for axis in metadata.axes] == [90.0, -4.0, 10.5, 0.25]
    with open(export(results, "csv", "a.csv"), encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert [float(row[f"centroid_{axis}_µm"]) for axis in "zyx"] == [-4 + 2, 10.5 + 1.5, 0.25 + 0.75]
    assert float(row["time_s"]) == 90
    assert [float(row[f"centroid_{axis}"]) for axis in "zyx"] == [1, 3, 3], "pixels are pixels"
