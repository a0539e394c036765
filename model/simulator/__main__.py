"""`python -m simulator sheet.png [kind ...]`: processor milliseconds per frame by kind, and a contact sheet."""

import argparse
import struct
import time
import zlib
from pathlib import Path

import numpy as np

from . import KINDS, Clip, sample_clip


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Write (H, W, 3) uint8 as PNG (RFC 2083: signature, IHDR, IDAT, IEND)."""

    def chunk(tag: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    height, width = rgb.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), rgb.reshape(height, -1)], 1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 4)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def panel(clip: Clip, t: int, outlines: bool) -> np.ndarray:
    """One frame as (H, W, 3) uint8, contrast from percentiles 1 and 99.8 as the network sees it."""
    image = clip.images[t]
    low, high = np.percentile(image, [1, 99.8])
    gray = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    rgb = np.repeat((gray * 255).astype(np.uint8)[..., None], 3, 2)
    if outlines:
        labels = clip.labels[t]
        edge = (labels != np.roll(labels, 1, 0)) | (labels != np.roll(labels, 1, 1))
        rgb[edge] = (255, 60, 30)
    return rgb


def sheet(clips: list[Clip], steps: tuple[int, ...]) -> np.ndarray:
    """Each clip: first frame, the same with outlines, then later frames with outlines."""
    cells = [np.concatenate([panel(c, 0, False)] + [panel(c, t, True) for t in steps], 1) for c in clips]
    across = max(1, 12 // (1 + len(steps)))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % across)
    return np.concatenate([np.concatenate(cells[i : i + across], 1) for i in range(0, len(cells), across)], 0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", help="contact sheet to write (PNG)")
    parser.add_argument("kinds", nargs="*", help="kinds to show, default all")
    parser.add_argument("--each", type=int, default=4, help="clips per kind")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    clips: list[Clip] = []
    for kind in args.kinds or KINDS:
        start = time.process_time()
        clips += [sample_clip(np.random.default_rng([args.seed, k]), args.frames, kind=kind) for k in range(args.each)]
        spent = (time.process_time() - start) / (args.each * args.frames)
        print(f"{kind:24s} {1000 * spent:6.1f} ms per frame")
    if args.path:
        steps = (0,) if args.frames == 1 else (0, args.frames // 2, args.frames - 1)
        write_png(args.path, sheet(clips, steps))


if __name__ == "__main__":
    main()
