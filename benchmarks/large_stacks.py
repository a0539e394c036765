"""Peak memory with stacks that are far larger than the memory: ``python benchmarks/large_stacks.py [SHARE]``.

Each case runs in a process of its own; the peak is that of the whole process (``ru_maxrss``), and beside it what the
process needed before it saw a frame. SHARE (0 to 1) of the frames is propagated through; all when left out.

- memmap: 12,800 frames of 2048 x 2048 uint16 in a sparse file, 100 GiB
- dask: 640 frames of 4096 x 4096 uint16, made as they are asked for, 20 GiB
- napari: the same in a viewer model, with the widget's own controller and masks on the disk
- export: labels of that size, one after the other in every format that has no pictures, with intensities of the image

One case alone: ``python benchmarks/large_stacks.py CASE SHARE``.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CASES = {"memmap": (12_800, 2048), "dask": (640, 4096), "napari": (640, 4096), "export": (640, 4096)}
WRITTEN = {"ome-tiff": "l.ome.tif", "ome-zarr": "l.zarr", "csv": "l.csv", "ctc": "01_RES", "geff": "l.geff",
           "imagej": "l.zip", "coco": "l.json", "sav": "v.json"}  # fmt: skip
RADIUS = 30


def peak() -> float:
    """Of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def place(t: int) -> tuple[int, int]:
    """Where the disc is."""
    return 200 + abs(t % 200 - 100), 300


def draw(picture: Any, t: int) -> Any:
    """A disc in a picture (y, x)."""
    import numpy as np

    y, x = place(t)
    rows, columns = np.ogrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    inside = np.broadcast_to(rows**2 + columns**2 < RADIUS**2, (2 * RADIUS + 1,) * 2)
    picture[y - RADIUS : y + RADIUS + 1, x - RADIUS : x + RADIUS + 1][inside] = 3000
    return picture


def mapped(frames: int, side: int, used: int, folder: Path) -> Any:
    """A file with holes: what was not written takes no room on the disk and reads as 0."""
    import numpy as np

    stack = np.memmap(folder / "stack.raw", np.uint16, "w+", shape=(frames, side, side))
    for t in range(used):
        draw(stack[t], t)
    stack.flush()
    del stack
    return np.memmap(folder / "stack.raw", np.uint16, "r", shape=(frames, side, side))


def lazy(frames: int, side: int) -> Any:
    """A dask array whose frames are made anew each time."""
    import dask.array as da
    import numpy as np

    def frame(block_info: Any = None) -> Any:
        t = block_info[None]["chunk-location"][0]
        picture = np.random.default_rng(t).integers(900, 1100, (side, side), np.uint16)
        return draw(picture, t)[None]

    return da.map_blocks(
        frame, chunks=((1,) * frames, (side,), (side,)), dtype=np.uint16, meta=np.empty((0, 0, 0), "u2")
    )


def exported(frames: int, side: int, used: int, folder: Path) -> int:
    """Write labels as they are made, in all formats; returns how many frames a reader finds the disc on."""
    import csv

    import dask.array as da
    import numpy as np

    from napari_sam2.export.formats import export_results
    from napari_sam2.export.results import Channel, Results

    def frame(block_info: Any = None) -> Any:
        return draw(np.zeros((side, side), np.uint16), block_info[None]["chunk-location"][0])[None]

    chunks = ((1,) * frames, (side,), (side,))
    labels = da.map_blocks(frame, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0), "u2"))
    results = Results(labels[:used], channels=(Channel("image", lazy(frames, side)[:used]),))
    for name, file in WRITTEN.items():
        export_results(folder / file, results, name)
    with (folder / WRITTEN["csv"]).open() as table:
        return sum(float(row["intensity_mean_image"]) == 3000 for row in csv.DictReader(table))


def track(stack: Any, used: int, model: Any) -> int:
    """Propagate one object; returns on how many frames it was found."""
    import napari_sam2 as ns

    tracker = ns.Tracker(model, stack)
    tracker.add_points(1, 0, [place(0)])
    return sum(bool(result.labels[place(result.frame)]) for result in tracker.propagate(stop=used, direction="forward"))


def in_napari(stack: Any, used: int, folder: Path) -> int:
    """The same by the controller of the widget, without a window."""
    os.environ["NAPARI_SAM2_CACHE"] = str(folder)
    import queue

    import numpy as np
    from napari.components import ViewerModel

    from napari_sam2.ui.controller import Controller

    class Loop:
        calls: queue.Queue[Callable[[], None]] = queue.Queue()

        def post(self, call: Callable[[], None]) -> None:
            self.calls.put(call)

        def later(self, seconds: float, call: Callable[[], None]) -> None:
            self.calls.put(call)

    viewer = ViewerModel()
    viewer.add_image(stack, name="long", contrast_limits=(0, 4000))
    viewer.dims.set_current_step(0, 0)
    loop = Loop()
    control = Controller(viewer, loop, tell=lambda level, text: print(f"  {level}: {text}", file=sys.stderr))

    def settle() -> None:
        while control.previews.waiting or control.propagation.running or control.loading.busy:
            loop.calls.get()()

    viewer.layers["SAM 2 points"].add([0, *place(0)])
    settle()
    control.propagate("forward", 0, used - 1)
    settle()
    labels = viewer.layers["SAM 2 objects"].data
    control.close()
    return sum(int(np.asarray(labels[(t, *place(t))])) == 1 for t in range(used))


def run(case: str, share: float) -> str:
    """One case; returns its row of the table."""
    frames, side = CASES[case]
    used = max(2, round(frames * share))
    with tempfile.TemporaryDirectory(prefix="napari-sam2-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        stack = mapped(frames, side, used, folder) if case == "memmap" else lazy(frames, side)
        import napari_sam2 as ns

        model = ns.load_model("micro")
        before = peak()
        started = time.perf_counter()
        if case == "export":
            found = exported(frames, side, used, folder)
        else:
            found = in_napari(stack, used, folder) if case == "napari" else track(stack, used, model)
        seconds = time.perf_counter() - started
        del stack
    size = frames * side * side * 2 / 2**30
    return f"| {case} | {size:.0f} GiB | {used} | {found} | {before:.0f} | {peak():.0f} | {seconds / used:.2f} |"


def main() -> None:
    """Print a table."""
    if len(sys.argv) > 2:
        print(run(sys.argv[1], float(sys.argv[2])))
        return
    share = sys.argv[1] if len(sys.argv) > 1 else "1"
    print("| case | stack | frames done | found on | peak before, MB | peak, MB | s per frame |\n" + "|---" * 7 + "|")
    for case in CASES:
        print(subprocess.check_output([sys.executable, __file__, case, share], text=True).strip(), flush=True)


if __name__ == "__main__":
    main()
