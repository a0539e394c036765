"""Masklets as the SA-V data set has them: one JSON per video, a run-length mask per frame and object."""

from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.export.measure import Measurements
from napari_sam2.export.results import ExportOptions, Progress, Results
from napari_sam2.export.rle import codec_for, encoded, nothing, write_json

WHAT = "SA-V"


def write_masklets(
    path: Path, results: Results, measured: Measurements, options: ExportOptions, progress: Progress
) -> list[Path]:
    """Write the JSON. `masklet[frame][place]` is the mask of the object `masklet_id[place]`, empty where it is absent.

    Raises:
        ExportError: no object, frames that are volumes, or pycocotools is missing.
        OSError: the file cannot be written; what was there before stays.
    """
    coder = codec_for(results, measured, WHAT)
    height, width = results.frame_shape
    spans = measured.spans()
    visible = {item: np.isin(np.arange(results.count), frames) for item, frames in spans.items()}
    duration = results.count * results.calibration.frame_step if results.calibration.frame_unit == "second" else None
    document = {
        "video_id": results.title,
        "video_duration": duration,
        "video_frame_count": results.count,
        "video_height": height,
        "video_width": width,
        "video_resolution": height * width,
        "masklet": _masklets(coder, results, measured, progress),
        "masklet_id": list(spans),
        "masklet_size_abs": [float(measured.area[measured.object == item].mean()) for item in spans],
        "masklet_size_rel": [float(measured.area[measured.object == item].mean()) / (height * width) for item in spans],
        "masklet_visibility_changes": [int(np.count_nonzero(np.diff(shown))) for shown in visible.values()],
        "masklet_first_appeared_frame": [int(frames[0]) for frames in spans.values()],
        "masklet_frame_count": [len(frames) for frames in spans.values()],
        "masklet_type": "auto",
        "masklet_num": len(spans),
    }
    return write_json(path, document)


def _masklets(coder: Any, results: Results, measured: Measurements, progress: Progress) -> list[list[dict[str, Any]]]:
    """[frame][object] run lengths."""
    ids = measured.ids
    absent = nothing(coder, results.frame_shape)
    rows = {
        (int(item), int(index)): row
        for row, (item, index) in enumerate(zip(measured.object, measured.frame, strict=True))
    }
    frames = []
    for index in range(results.count):
        frame = results.frame(index)
        frames.append(
            [
                encoded(coder, frame, item, measured.box[rows[item, index]]) if (item, index) in rows else absent
                for item in ids
            ]
        )
        progress(index + 1, results.count)
    return frames
