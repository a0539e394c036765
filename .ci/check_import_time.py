"""Check that `import napari_sam2` costs less than 50 ms, in fresh interpreters and in time of the CPU."""

from __future__ import annotations

import subprocess
import sys

LIMIT = 0.050
REPEATS = 7


MEASURE = """
import time
started = time.process_time()
import napari_sam2
print(time.process_time() - started)
"""


def main() -> int:
    """Measure, say, compare. The shortest of several runs is the one that nothing disturbed."""
    runs = [
        float(subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True).stdout)
        for _ in range(REPEATS)
    ]
    print(f"import napari_sam2: {min(runs) * 1000:.1f} ms, allowed are {LIMIT * 1000:.0f} ms")
    return min(runs) > LIMIT


if __name__ == "__main__":
    sys.exit(main())
