"""A small recording with all that is awkward: a gap, a hole, a division, and calibrated in time and space."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.export.calibration import Calibration
from napari_sam2.export.formats import export_results
from napari_sam2.export.results import Channel, ExportOptions, Results


def _labels() -> np.ndarray:
    """(6, 60, 80): 1 is absent in frame 3, 7 has a hole and divides into 2 and 3 in frame 2."""
    labels = np.zeros((6, 60, 80), np.uint16)
    for t in range(6):
        if t != 3:
            labels[t, 10 + t : 20 + t, 10:20] = 1
        if t < 2:
            labels[t, 32:52, 40:50] = 7
            labels[t, 36:40, 42:45] = 0
        else:
            labels[t, 30:35, 40 + t : 50 + t] = 2
            labels[t, 50:55, 40 + t : 50 + t] = 3
    return labels


@pytest.fixture
def labels() -> np.ndarray:
    return _labels()


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(100, 60_000, (6, 60, 80)).astype(np.uint16)


@pytest.fixture
def results(labels: np.ndarray, image: np.ndarray) -> Results:
    return Results(
        labels,
        scores={(1, 0): 0.9, (1, 5): 0.4, (2, 3): 0.75},
        parents={2: (7,), 3: (7,)},
        names={7: "mother"},
        calibration=Calibration((0.5, 0.25), "micrometer", 30.0, "second"),
        channels=(Channel("GFP", image),),
        title="cells",
    )


class Folder:
    """Where a test exports to, and what is left in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, results: Results, name: str, file: str, **options: Any) -> Path:
        target = self.path / file
        assert export_results(target, results, name, ExportOptions(**options)) == [target]
        assert self.left == [file], "nothing but the target is left"
        return target

    @property
    def left(self) -> list[str]:
        return sorted(item.name for item in self.path.iterdir())


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    return Folder(tmp_path)
