"""What the review says of a cell. Pure functions, no Qt."""

import numpy as np

from napari_sam2.session.confidence import DOUBTFUL, SIGNS
from napari_sam2.session.review import Cell


def headline(cell: Cell) -> str:
    """How it stands with an object on a frame, in a few words."""
    if cell.locked:
        return "accepted"
    if cell.lost:
        return "lost here"
    if cell.state == "absent":
        return "absent"
    if cell.confidence is None:
        return "not segmented"
    text = f"confidence {cell.confidence:.2f}"
    return f"{text}: {_reason(cell)}" if cell.confidence < DOUBTFUL else text


def figures(cell: Cell) -> list[str]:
    """The figures that the confidence follows from, one per line."""
    lines = []
    if cell.area:
        before = f", before {cell.area_before}" if cell.area_before else ""
        lines.append(f"area {cell.area} px{before}")
    if cell.predicted_iou is not None and cell.area:
        lines.append(f"predicted IoU {cell.predicted_iou:.2f}")
    if cell.object_score is not None:
        lines.append(f"object score {cell.object_score:.1f}")
    if cell.contact >= 0.005:
        lines.append(f"neighbour along {100 * cell.contact:.0f} % of the outline")
    if cell.prompted:
        lines.append("has prompts")
    return lines


def _reason(cell: Cell) -> str:
    return {
        "presence": "perhaps not there",
        "predicted IoU": "mask may be wrong",
        "size change": "size jumps",
        "contact": "runs along a neighbour",
    }[SIGNS[int(np.argmin(cell.signs))]]


def count_text(doubtful: int, listed: int, objects: int) -> str:
    """What the list holds: "7 doubtful" or "3 of 40 objects, nothing doubtful"."""
    what = "" if listed == objects else f"{listed} of {objects} objects, "
    places = f"{doubtful} doubtful" if doubtful else "nothing doubtful"
    return what + places
