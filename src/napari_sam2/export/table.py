"""Measurements of every object in every frame, as a CSV table."""

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np

from napari_sam2.files import written_beside


@dataclass(frozen=True)
class Row:
    """One object in one frame.

    Attributes:
        object: its label.
        frame: from 0.
        area: in pixels.
        centroid_y, centroid_x: mean of its pixel centres, in data pixels.
        score: the IoU that the model predicts for this mask, 0 to 1; None where there is none.
    """

    object: int
    frame: int
    area: int
    centroid_y: float
    centroid_x: float
    score: float | None


def measure(labels: Any, scores: Mapping[tuple[int, int], float]) -> Iterator[Row]:
    """The rows of (frames, y, x) labels, frame by frame and by object; an object without pixels has no row.

    Args:
        labels: unsigned integers, 0 = background.
        scores: by (object, frame).
    """
    for frame in range(labels.shape[0]):
        y, x = np.nonzero(labels[frame])
        ids, which, areas = np.unique(np.asarray(labels[frame])[y, x], return_inverse=True, return_counts=True)
        centroids_y = np.bincount(which, weights=y, minlength=len(ids)) / areas
        centroids_x = np.bincount(which, weights=x, minlength=len(ids)) / areas
        for index, identity in enumerate(ids.tolist()):
            yield Row(
                identity,
                frame,
                int(areas[index]),
                round(float(centroids_y[index]), 3),
                round(float(centroids_x[index]), 3),
                scores.get((identity, frame)),
            )


def write_table(path: str | os.PathLike[str], labels: Any, scores: Mapping[tuple[int, int], float]) -> None:
    """Write the rows of `measure`, one line each, under a line of column names.

    Raises:
        OSError: the file cannot be written; what was there before stays.
    """
    with written_beside(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Row))
        for row in measure(labels, scores):
            *values, score = astuple(row)
            writer.writerow([*values, "" if score is None else f"{score:.4f}"])
