"""Check what is in the built wheel: the weights and the manifest, and nothing of the workshop or the tests."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

NEEDED = (
    "napari_sam2/napari.yaml",
    "napari_sam2/py.typed",
    "napari_sam2/weights/micro.safetensors",
    "napari_sam2/demo/hela_clicks.json",
)
WEIGHTS_LIMIT = 20 * 10**6


def problems(wheel: Path) -> list[str]:
    """What is wrong with a wheel, a line each."""
    with zipfile.ZipFile(wheel) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
    found = [f"{name} is missing" for name in NEEDED if name not in sizes]
    found += [
        f"{name} does not belong in it"
        for name in sizes
        if not name.startswith(("napari_sam2/", "napari_sam2-"))
        or name.startswith(("napari_sam2/model/", "napari_sam2/tests/"))
        or name.endswith((".pt", ".tif", ".pyc"))
    ]
    weights = sizes.get(NEEDED[2], 0)
    if weights > WEIGHTS_LIMIT:
        found.append(f"{NEEDED[2]} has {weights} bytes, more than {WEIGHTS_LIMIT}")
    return found


def main() -> int:
    """Check the one wheel of a folder."""
    (wheel,) = Path(sys.argv[1]).glob("*.whl")
    found = problems(wheel)
    for line in found:
        print(f"{wheel.name}: {line}", file=sys.stderr)
    if not found:
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, contents as expected")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
