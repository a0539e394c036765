"""Tables and pictures of the answers: means, by size, calibration, and the failures to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from evaluation.recordings import deepest
from evaluation.scores import GOOD, Answer

SIZES = (0, 16, 32, 64, 10_000)
TILE, COLUMNS, WORST = 192, 8, 32


def figures(answers: Sequence[Answer]) -> str:
    """Cells of a row, of the objects that are there: mean, median, share of at least 0.5, area of the mask beside the
    true one (median), count."""
    there = [a for a in answers if a.there]
    ious = np.array([a.iou for a in there])
    sizes = [np.count_nonzero(a.mask) / (np.pi / 4 * a.diameter**2) for a in there if a.mask is not None]
    size = f"{np.median(sizes):.2f}" if sizes else ""
    return f"{ious.mean():.3f} | {np.median(ious):.3f} | {(ious >= 0.5).mean():.2f} | {size} | {len(ious)}"


def clicks(answers: Sequence[Answer]) -> str:
    """Cells of a row: mean number of clicks to IoU 0.85, share that never gets there, count."""
    counts = np.array([a.clicks for a in answers])
    failed = np.array([a.iou < GOOD for a in answers])
    return f"{counts.mean():.2f} | {failed.mean():.2f} | {len(counts)}"


def switches(answers: Sequence[Answer]) -> int:
    """How often an object that was followed rightly lies mostly on another one, on the next frame that is known."""
    before: dict[tuple[int, int], bool] = {}
    count = 0
    for a in sorted(answers, key=lambda a: a.frame):
        key = (id(a.stack), a.track)
        count += a.taken and not before.get(key, False)
        before[key] = a.taken
    return int(count)


def presence(answers: Sequence[Answer]) -> str:
    """Cells of a row: object-frames there and said to be absent, absent and said to be there, each of how many."""
    there = [a for a in answers if a.there]
    gone = [a for a in answers if not a.there]
    missed, imagined = sum(a.score <= 0 for a in there), sum(a.score > 0 for a in gone)
    return f"{missed} of {len(there)} | {imagined} of {len(gone)}"


def by_size(answers: Sequence[Answer]) -> list[str]:
    """One cell per class of diameter: mean IoU (count)."""
    cells = []
    for low, high in pairwise(SIZES):
        ious = [a.iou for a in answers if a.there and low <= a.diameter < high]
        cells.append(f"{np.mean(ious):.3f} ({len(ious)})" if ious else "")
    return cells


def calibration(answers: Sequence[Answer], bins: int = 10) -> tuple[np.ndarray, float]:
    """Predicted against real IoU in bins of the prediction: rows (predicted, real, count), and the mean distance."""
    predicted = np.clip([a.predicted for a in answers], 0, 1)
    real = np.array([a.iou for a in answers])
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    rows = [(predicted[place == b].mean(), real[place == b].mean(), (place == b).sum()) for b in np.unique(place)]
    table = np.array(rows)
    return table, float((np.abs(table[:, 0] - table[:, 1]) * table[:, 2]).sum() / table[:, 2].sum())


def draw_calibration(groups: Mapping[str, Sequence[Answer]], path: Path) -> None:
    """One line per group of answers: real over predicted IoU; the diagonal is a model that knows itself."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7")
    for name, answers in groups.items():
        table, distance = calibration(answers)
        axes.plot(table[:, 0], table[:, 1], marker="o", markersize=4, label=f"{name} ({distance:.3f})")
    axes.set(xlabel="IoU as the model predicts it", ylabel="IoU with the truth", xlim=(0, 1), ylim=(0, 1))
    axes.legend(title="one click (mean distance)")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _tile(answer: Answer) -> np.ndarray:
    """The surroundings of one answer: the truth's outline in green, the answer's in red, the click in yellow."""
    from PIL import Image, ImageDraw
    from skimage.segmentation import find_boundaries

    truth = answer.stack.masks[answer.frame] == answer.ident if answer.ident else np.zeros_like(answer.mask)
    shown = truth if truth.any() else answer.mask
    rows, columns = np.nonzero(shown) if shown.any() else ([0], [0])
    half = max(12, int(5 * np.sqrt(max(len(rows), 1) / np.pi)))
    cy, cx = int(np.mean(rows)), int(np.mean(columns))

    def cut(plane: np.ndarray, fill: float = 0) -> np.ndarray:
        return np.pad(plane, half, constant_values=fill)[cy : cy + 2 * half, cx : cx + 2 * half]

    def enlarged(plane: np.ndarray, resample: Image.Resampling) -> np.ndarray:
        return np.array(Image.fromarray(plane).resize((TILE, TILE), resample))

    image = answer.stack.images[answer.frame].astype(np.float32)
    grey = cut(image, float(np.median(image)))
    low, high = np.percentile(grey, [1, 99.8])
    grey = np.clip((grey - low) / (high - low + 1e-9), 0, 1) ** 0.7
    picture = np.stack([enlarged((255 * grey).astype(np.uint8), Image.Resampling.BICUBIC)] * 3, -1)
    for mask, colour in ((truth, (0, 255, 0)), (answer.mask, (255, 40, 40))):
        outline = find_boundaries(enlarged(cut(mask), Image.Resampling.NEAREST), mode="inner")
        picture[outline] = colour
    if truth.any():
        y, x = (int((p - c + half) / (2 * half) * TILE) for p, c in zip(deepest(truth), (cy, cx), strict=True))
        picture[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = (255, 255, 0)
    drawn = Image.fromarray(picture)
    ImageDraw.Draw(drawn).text((3, 3), f"{answer.iou:.2f}  said {answer.predicted:.2f}  t{answer.frame}", (0, 255, 255))
    return np.array(drawn)


def draw_worst(answers: Sequence[Answer], path: Path) -> None:
    """The worst answers in a sheet, one of each object of a stack, so that a lost track does not fill it."""
    from PIL import Image

    worst: dict[tuple[int, int], Answer] = {}
    for a in sorted(answers, key=lambda a: a.iou):
        if a.there:
            worst.setdefault((id(a.stack), a.track if a.track >= 0 else len(worst)), a)
    tiles = [_tile(a) for a in list(worst.values())[:WORST]]
    while len(tiles) % COLUMNS:
        tiles.append(np.zeros((TILE, TILE, 3), np.uint8))
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    Image.fromarray(np.vstack(rows)).save(path)
