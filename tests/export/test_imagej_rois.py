"""ROIs read back with roifile and filled again with scikit-image; measured by ImageJ where that is installed."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from skimage.measure import points_in_poly

from napari_sam2.export.errors import ExportError
from napari_sam2.export.outlines import outlines
from napari_sam2.export.results import Results

JAR = Path("/usr/share/java/ij.jar")
"""ImageJ 1, where Debian puts it."""


def filled(loops, shape) -> np.ndarray:
    """(y, x) pixels whose centres are inside an odd number of (y, x) outlines."""
    centres = np.argwhere(np.ones(shape, bool)) + 0.5
    inside = sum(points_in_poly(centres, loop).astype(int) for loop in loops)
    return (inside % 2).reshape(shape).astype(bool)


@settings(max_examples=60, deadline=None)
@given(arrays(bool, (5, 6)).filter(np.any))
def test_outlines_enclose_exactly_the_mask(mask):
    loops = outlines(mask)
    np.testing.assert_array_equal(filled(loops, mask.shape), mask)
    for loop in loops:
        steps = np.roll(loop, -1, axis=0) - loop
        assert ((steps != 0).sum(axis=1) == 1).all(), "along the edges of pixels"
        assert ((steps[:, 0] == 0) != (np.roll(steps, 1, axis=0)[:, 0] == 0)).all(), "every corner is a turn"


def test_a_square_has_four_corners():
    mask = np.zeros((6, 6), bool)
    mask[1:4, 2:5] = True
    (loop,) = outlines(mask)
    assert {tuple(corner) for corner in loop.tolist()} == {(1, 2), (1, 5), (4, 5), (4, 2)}


def test_parts_that_touch_at_a_corner_stay_apart():
    assert len(outlines(np.eye(3, dtype=bool))) == 3


def test_the_zip(export, results, labels):
    rois = roifile.roiread(export(results, "imagej", "cells.zip"))
    assert len(rois) == 15
    again = np.zeros_like(labels)
    for roi in rois:
        item, frame = (int(part) for part in roi.name.split("-"))
        assert roi.position == frame
        coordinates = roi.coordinates(multi=True)
        loops = coordinates if isinstance(coordinates, list) else [coordinates]
        again[frame - 1][filled([loop[:, ::-1] for loop in loops], labels.shape[1:])] = item
        ys, xs = np.nonzero(labels[frame - 1] == item)
        assert (roi.top, roi.left, roi.bottom, roi.right) == (ys.min(), xs.min(), ys.max() + 1, xs.max() + 1)
    np.testing.assert_array_equal(again, labels)
    assert {roi.composite for roi in rois if roi.name.startswith("0007")} == {True}, "a hole needs a composite"


def test_slices_lie_on_their_slice(export, labels):
    rois = roifile.roiread(export(Results(labels, "Z"), "imagej", "cells.zip"))
    assert {roi.position for roi in rois if roi.name == "0001-0005"} == {5}
    # ImageJ forgets the number of the slice where there is one of these.
    assert {(roi.c_position, roi.z_position, roi.t_position) for roi in rois} == {(0, 0, 0)}


MEASURE = """
run("Set Measurements...", "area mean redirect=None decimal=3");
open("{folder}/stack.tif"); roiManager("Open", "{folder}/cells.zip");
roiManager("Deselect"); roiManager("Measure");
for (i = 0; i < nResults; i++) File.append(getResult("Area", i) + " " + getResult("Mean", i), "{folder}/said.txt");
run("Quit");
"""


@pytest.mark.oracle
@pytest.mark.skipif(not JAR.exists(), reason="ImageJ is not installed (Debian: imagej)")
@pytest.mark.parametrize("axes", ["TYX", "TCYX", "ZYX"])
def test_imagej_measures_every_mask_on_its_frame(axes, export, labels, tmp_path):
    measured = sorted_rois(export(Results(labels, axes[0]), "imagej", "cells.zip"))
    frames = np.broadcast_to(np.arange(len(labels), dtype=np.uint8)[:, None, None], labels.shape)
    stack = np.stack([frames, frames + 100], axis=1) if "C" in axes else frames
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": axes})
    (tmp_path / "measure.ijm").write_text(MEASURE.format(folder=tmp_path))
    subprocess.run(["java", "-cp", JAR, "ij.ImageJ", "-macro", tmp_path / "measure.ijm"], check=True, timeout=120)
    said = [tuple(map(float, line.split())) for line in (tmp_path / "said.txt").read_text().splitlines()]
    assert said == [((labels[frame] == item).sum(), frame) for item, frame in measured]


def sorted_rois(path) -> list[tuple[int, int]]:
    """(object, frame from 0) of the ROIs in a zip, in its order."""
    names = [roi.name.split("-") for roi in roifile.roiread(path)]
    return [(int(item), int(frame) - 1) for item, frame in names]


def test_what_it_does_not_hold(export, tmp_path):
    for labels, message in (
        (np.zeros((1, 4, 4), np.uint8), "would be empty"),
        (np.ones((1, 2, 3, 4), np.uint8), "these are volumes"),
        (np.broadcast_to(np.uint8(1), (1, 2, 40_000)), "coordinates up to 32767"),
    ):
        with pytest.raises(ExportError, match=message):
            export(Results(labels), "imagej", "a.zip")
    assert list(tmp_path.iterdir()) == []
