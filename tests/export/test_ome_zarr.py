"""OME-Zarr 0.5: the arrays by zarr, the metadata by the models of the specification."""

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05 import Image
from ome_zarr_models.v05.image_label import ImageLabel

from napari_sam2.export.calibration import Calibration
from napari_sam2.export.errors import ExportError
from napari_sam2.export.results import Channel, Results
from napari_sam2.session.stacks import open_stack


def scales(group) -> list:
    (multiscale,) = group.attrs["ome"]["multiscales"]
    return [level["coordinateTransformations"][0]["scale"] for level in multiscale["datasets"]]


def test_labels_and_what_is_known_of_them(export, results, labels):
    path = export(results, "ome-zarr", "cells.ome.zarr")
    root = zarr.open_group(path, mode="r")
    assert root["labels"].attrs["ome"]["labels"] == ["objects"]
    group = root["labels/objects"]
    np.testing.assert_array_equal(group["0"][:], labels)
    assert group["0"].chunks == (1, 60, 80)
    label = ImageLabel.from_zarr(group).attributes.ome
    axes = [(axis.name, axis.type, axis.unit) for axis in label.multiscales[0].axes]
    assert axes == [("t", "time", "second"), ("y", "space", "micrometer"), ("x", "space", "micrometer")]
    assert scales(group) == [[30.0, 0.5, 0.25]]
    rows = {row["label-value"]: row for row in group.attrs["ome"]["image-label"]["properties"]}
    assert rows.keys() == {1, 2, 3, 7}
    assert (rows[1]["frames"], rows[1]["first_frame"], rows[1]["lowest_score"]) == (5, 0, 0.4)
    assert rows[7]["name"] == "mother"
    assert "lowest_score" not in rows[7], "JSON has no NaN"
    assert rows[2]["parents"] == "7"


def test_the_top_of_the_folder_shows_the_labels_too(export, results, labels):
    path = export(results, "ome-zarr", "cells.zarr")
    Image.from_zarr(zarr.open_group(path, mode="r"))
    with open_stack(path) as stack:
        np.testing.assert_array_equal(np.asarray(stack.array), labels)


def test_a_pyramid_of_labels_that_exist(export):
    labels = np.zeros((2, 700, 1500), np.uint32)
    labels[1, 100:300, 900:1400] = 70_000
    path = export(Results(labels, "Z"), "ome-zarr", "big.zarr")
    group = zarr.open_group(path, mode="r")["labels/objects"]
    assert [group[level].shape for level in "012"] == [(2, 700, 1500), (2, 350, 750), (2, 175, 375)]
    assert scales(group) == [[1, 1, 1], [1, 2, 2], [1, 4, 4]]
    assert [axis["name"] for axis in group.attrs["ome"]["multiscales"][0]["axes"]] == ["z", "y", "x"]
    assert set(np.unique(group["2"][:])) == {0, 70_000}


def test_with_the_image(export, labels, image):
    channels = (Channel("DNA", image, (0.0, 1.0, 0.0), (100, 900)), Channel("actin", image // 2))
    results = Results(labels, channels=channels, calibration=Calibration((0.5, 0.5), "micrometer"))
    path = export(results, "ome-zarr", "both.zarr", image=True)
    root = zarr.open_group(path, mode="r")
    model = Image.from_zarr(root)
    assert [axis.name for axis in model.attributes.ome.multiscales[0].axes] == ["t", "c", "y", "x"]
    np.testing.assert_array_equal(root["0"][:], np.stack([image, image // 2], axis=1))
    np.testing.assert_array_equal(root["labels/objects/0"][:], labels)
    first = root.attrs["ome"]["omero"]["channels"][0]
    assert (first["label"], first["color"], first["window"]["end"]) == ("DNA", "00FF00", 900)


def test_another_export_replaces_it_and_foreign_folders_are_left_alone(export, results, tmp_path):
    path = export(results, "ome-zarr", "cells.zarr")
    export(Results(results.labels * 0), "ome-zarr", "cells.zarr")
    assert not zarr.open_group(path, mode="r")["labels/objects/0"][:].any()
    (path / "labels" / "nuclei").mkdir()
    with pytest.raises(ExportError, match="holds other things than labels as OME-Zarr; give the name of a new"):
        export(results, "ome-zarr", "cells.zarr")
    with pytest.raises(ExportError, match="no image to write"):
        export(Results(results.labels), "ome-zarr", "other.zarr", image=True)
