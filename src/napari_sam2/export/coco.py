"""COCO: one JSON with a run-length mask for every object in every frame."""

from pathlib import Path
from typing import Any

from napari_sam2.export.measure import Measurements
from napari_sam2.export.results import ExportOptions, Progress, Results
from napari_sam2.export.rle import codec_for, encoded, write_json

WHAT = "COCO"


def write_coco(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write the JSON. `track_id` of an annotation is the object's label, `image_id` counts frames from 1.

    Raises:
        ExportError: no object, frames that are volumes, or pycocotools is missing.
        OSError: the file cannot be written; what was there before stays.
    """
    coder = codec_for(results, measured, WHAT)
    height, width = results.frame_shape
    images = [
        {
            "id": index + 1,
            "file_name": f"{results.title}_{index:04}.tif",
            "frame_index": index,
            "height": height,
            "width": width,
        }
        for index in range(results.count)
    ]
    document = {
        "info": {"description": results.title, "version": "1.0"},
        "images": images,
        "categories": [{"id": 1, "name": "object", "supercategory": "object"}],
        "annotations": _annotations(coder, results, measured, progress),
    }
    return write_json(path, document)


def _annotations(coder: Any, results: Results, measured: Measurements, progress: Progress) -> list[dict[str, Any]]:
    found = []
    frame = results.frame(0)
    shown = 0
    for row in range(len(measured)):
        object_id, index = int(measured.object[row]), int(measured.frame[row])
        if index != shown:
            frame, shown = results.frame(index), index
            progress(index, results.count)
        (y0, x0), (y1, x1) = measured.box[row].tolist()
        entry = {
            "id": row + 1,
            "image_id": index + 1,
            "category_id": 1,
            "track_id": object_id,
            "segmentation": encoded(coder, frame, object_id, measured.box[row]),
            "area": int(measured.area[row]),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "iscrowd": 0,
        }
        if (score := results.scores.get((object_id, index))) is not None:
            entry["score"] = round(float(score), 4)
        found.append(entry)
    return found
