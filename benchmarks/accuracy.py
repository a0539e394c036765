"""One-click tracking of `micro` on a real recording under chosen options: ``python benchmarks/accuracy.py FOLDER``.

The recording and the score are those of ``model/evaluation``. Prints mean IoU, the share of masks with 0.5 or more, how
many masks there are, and processor milliseconds per object and frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import napari_sam2 as ns

sys.path.insert(0, str(Path(__file__).parents[1] / "model"))


def main() -> None:
    """Command line."""
    from evaluation.recordings import deepest, link, load
    from evaluation.scores import iou

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the recordings")
    parser.add_argument("--recording", default="HeLa")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--every", type=int, default=1, help="click every Nth cell only")
    parser.add_argument("--share-windows", action="store_true")
    parser.add_argument("--precision", choices=("auto", "float32"), default="auto")
    parser.add_argument("--window-ratio", type=float, default=5.0)
    chosen = parser.parse_args()
    recording = load(chosen.recording, chosen.data)
    tracks = link(recording.masks)[:: chosen.every]
    options = ns.TrackerOptions(
        share_windows=chosen.share_windows, precision=chosen.precision, window_ratio=chosen.window_ratio
    )
    tracker = ns.Tracker(ns.load_model("micro", device="cpu"), recording.images[: chosen.frames], options)
    for number, track in enumerate(tracks, start=1):
        tracker.add_points(number, 0, [deepest(recording.masks[0] == track[0])])
    begin, found = time.process_time(), []
    for result in tracker.propagate(direction="forward"):
        truth = recording.masks[result.frame]
        for number, track in enumerate(tracks, start=1):
            if result.frame < len(track):
                found.append(iou(result.labels == number, truth == track[result.frame]))
    spent = (time.process_time() - begin) / (len(tracks) * chosen.frames)
    values = np.array(found)
    print(
        f"{tracker.precision}: {values.mean():.4f}, {(values >= 0.5).mean():.3f} of {len(values)}, {1e3 * spent:.1f} ms"
    )


if __name__ == "__main__":
    main()
