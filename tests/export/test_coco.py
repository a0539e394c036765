"""COCO and SA-V, read back with pycocotools."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coder
from pycocotools.coco import COCO

from napari_sam2.export.errors import ExportError
from napari_sam2.export.formats import export_results
from napari_sam2.export.results import Results


def decoded(path, shape) -> np.ndarray:
    """The labels that a COCO file stands for."""
    coco = COCO(path)
    labels = np.zeros(shape, np.uint32)
    for entry in coco.anns.values():
        labels[entry["image_id"] - 1][coco.annToMask(entry) > 0] = entry["track_id"]
    return labels


def test_coco(export, results, labels, capsys):
    path = export(results, "coco", "cells.json")
    np.testing.assert_array_equal(decoded(path, labels.shape), labels)
    coco = COCO(path)
    assert len(coco.imgs) == 6
    assert coco.imgs[1] == {"id": 1, "file_name": "cells_0000.tif", "frame_index": 0, "height": 60, "width": 80}
    (first,) = (entry for entry in coco.imgToAnns[1] if entry["track_id"] == 1)
    assert (first["bbox"], first["area"], first["score"]) == ([10, 10, 10, 10], 100, 0.9)
    (hole,) = (entry for entry in coco.imgToAnns[1] if entry["track_id"] == 7)
    assert hole["area"] == coder.area(coco.annToRLE(hole)) == 188
    assert "score" not in hole


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint16, (2, 5, 7), elements=st.sampled_from([0, 1, 2, 60_000])).filter(np.any))
def test_any_masks(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("coco") / "a.json"
    export_results(path, Results(labels), "coco")
    np.testing.assert_array_equal(decoded(path, labels.shape), labels)


def test_masklets(export, results, labels):
    video = json.loads(export(results, "sav", "cells.json").read_text())
    assert (video["video_frame_count"], video["video_height"], video["video_width"]) == (6, 60, 80)
    assert video["video_duration"] == 180
    assert video["masklet_id"] == [1, 2, 3, 7]
    assert video["masklet_num"] == 4
    assert video["masklet_visibility_changes"] == [2, 1, 1, 1]
    assert video["masklet_first_appeared_frame"] == [0, 2, 2, 0]
    for frame, masks in enumerate(video["masklet"]):
        again = np.zeros((60, 80), np.uint16)
        for item, rle in zip(video["masklet_id"], masks, strict=True):
            again[coder.decode(rle) > 0] = item
        np.testing.assert_array_equal(again, labels[frame])


@pytest.mark.parametrize("name", ["coco", "sav"])
def test_what_the_formats_do_not_hold(export, tmp_path, name):
    with pytest.raises(ExportError, match="no frame has an object"):
        export(Results(np.zeros((2, 4, 4), np.uint8)), name, "a.json")
    with pytest.raises(ExportError, match=r"these are volumes of \(3, 4, 5\); export one plane"):
        export(Results(np.ones((2, 3, 4, 5), np.uint8)), name, "a.json")
    assert list(tmp_path.iterdir()) == []
