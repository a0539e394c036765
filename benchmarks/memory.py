"""Peak memory against the number of frames and of objects: ``python benchmarks/memory.py``.

Every case runs in a process of its own; the peak is that of the whole process (``ru_maxrss``).

300 objects on 2,000 frames take a working day on two cores. So there is one case, *painted*, in which everything is
real but the answers to frames without prompts: they are discs at the right places, as many bytes as the network's own.
Its labels go to a zarr on the disk, frame by frame; of the others they are made and thrown away.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

CASES = (
    ("1", "50"),
    ("1", "500"),
    ("10", "100"),
    ("10", "1000"),
    ("100", "40"),
    ("300", "40"),
    ("300", "100", "--painted"),
    ("300", "2000", "--painted"),
)
"""Objects, frames, and what else the command line takes."""
RADIUS = 10


def paint_instead(where: Callable[[int, Any], tuple[int, int]]) -> None:
    """Let the network follow discs by knowing where they are: ``where`` says it of a frame and a view."""
    import torch

    from napari_sam2.tracking.memory_bank import Remembered
    from napari_sam2.tracking.network import Network
    from napari_sam2.tracking.objects import Answer

    def track(
        network: Network, frame: int, views: Sequence[Any], selections: Sequence[Any], *, keep: bool, after: int
    ) -> Iterator[tuple[int, Answer, Remembered]]:
        config = network.config
        for index, view in enumerate(views):
            side = 4 * network.tokens(view)
            y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
            column, row = view.to_input([where(frame, view)], side)[0].tolist()
            logits = 3 * (RADIUS * side / view.side - torch.hypot(y - row, x - column))[None].float()
            pointer, ious = torch.zeros(config.width), torch.full((3,), 0.9)
            yield index, *_said(frame, view, logits, pointer, ious, config)

    def _said(frame: int, view: Any, logits: Any, pointer: Any, ious: Any, config: Any) -> tuple[Answer, Remembered]:
        answer = Answer(frame, view, logits, pointer, 5.0, 0.9, logits.repeat(3, 1, 1), ious)
        memory = torch.zeros(config.memory_width, config.feature_size, config.feature_size, dtype=torch.bfloat16)
        return answer, Remembered(frame, view, memory, pointer.clone(), logits.clone(), 5.0, 0.9)

    Network.track = track  # type: ignore[method-assign]


def run(objects: int, frames: int, painted: bool) -> float:
    """Propagate objects through frames that are made on the fly; returns the peak in MB."""
    import numpy as np
    import zarr

    import napari_sam2 as ns
    from napari_sam2.tracking.labels import merge

    side = int(np.ceil(np.sqrt(objects)))
    size = max(512, 70 * side)
    home = [(int((i + 0.5) * size / side), int((j + 0.5) * size / side)) for i in range(side) for j in range(side)]
    y, x = np.ogrid[-24:25, -24:25]
    disc = 1500 / (1 + np.exp(np.hypot(y, x) - RADIUS))

    class Moving:
        """Bright discs that circle in noise; frames exist only while they are looked at."""

        shape, dtype = (frames, size, size), np.dtype(np.uint16)

        def __getitem__(self, t: int) -> np.ndarray:
            frame = np.random.default_rng(t).normal(1000, 30, (size, size))
            for number, place in enumerate(home[:objects]):
                row, column = self.centre(number, place, t)
                frame[row - 24 : row + 25, column - 24 : column + 25] += disc
            return frame.astype(np.uint16)

        @staticmethod
        def centre(number: int, place: tuple[int, int], t: int) -> tuple[int, int]:
            return int(place[0] + 8 * np.sin(t / 9 + number)), int(place[1] + 8 * np.cos(t / 9 + number))

    stack = Moving()
    tracker = ns.Tracker(ns.load_model("micro"), stack)
    for number, place in enumerate(home[:objects]):
        tracker.add_points(number + 1, 0, [stack.centre(number, place, 0)])
    if painted:

        def where(frame: int, view: Any) -> tuple[int, int]:
            off = [np.hypot(y - view.centre[0], x - view.centre[1]) for y, x in home]
            number = int(np.argmin(off[:objects]))
            return stack.centre(number, home[number], frame)

        paint_instead(where)
    with tempfile.TemporaryDirectory() as folder:
        chunks = {"chunks": (1, size, size), "dtype": "uint16", "fill_value": 0, "overwrite": True}
        kept = zarr.create_array(folder, shape=stack.shape, **chunks) if painted else None
        found = 0
        for result in tracker.propagate(direction="forward"):
            found = len(np.unique(result.labels)) - 1
            if kept is not None:
                kept[result.frame] = merge(kept[result.frame], result)
    if found < 0.9 * objects:
        raise SystemExit(f"{found} of {objects} discs were followed to the end; this measures nothing")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="*", type=int, metavar="N", help="objects and frames of one case")
    parser.add_argument("--painted", action="store_true", help="answers without the network")
    options = parser.parse_args()
    if options.case:
        print(run(*options.case, options.painted))
        return
    print("| objects | frames | | peak memory of the process, MB |\n|---|---|---|---|")
    for objects, frames, *more in CASES:
        peak = float(subprocess.check_output([sys.executable, __file__, objects, frames, *more]))
        print(f"| {objects} | {frames} | {' '.join(more).strip('-')} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
