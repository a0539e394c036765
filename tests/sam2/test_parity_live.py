"""Our network and tracker against other implementations, run side by side. Slow, and off unless asked for:

    NAPARI_SAM2_LIVE_PARITY=1 python -m pytest tests/sam2/test_parity_live.py

Recorded comparisons, which need nothing installed, are in test_parity.py.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ORACLE = Path(__file__).resolve().parent.parent / "oracle"
TOLERANCE = 1e-3

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(
        os.environ.get("NAPARI_SAM2_LIVE_PARITY") != "1",
        reason="takes minutes: set NAPARI_SAM2_LIVE_PARITY=1 to compare live with sam2 and transformers",
    ),
    pytest.mark.timeout(3600),
    # Warnings of the other implementations are not ours to mend.
    pytest.mark.filterwarnings("ignore"),
]


def side(name: str, package: str) -> ModuleType:
    """One of the modules that run the scenarios; skips where the package behind it is not installed."""
    pytest.importorskip(package, reason=f"{package} is not installed: pip install {package}")
    if str(ORACLE) not in sys.path:
        sys.path.insert(0, str(ORACLE))
    return importlib.import_module(f"parity.{name}")


@pytest.mark.parametrize("variant", ["sam2.1_hiera_tiny", "sam2_hiera_tiny"])
@pytest.mark.parametrize("bias", [-2.0, 0.0])
def test_images_and_videos_agree_with_meta(variant: str, bias: float) -> None:
    """At bias -2 objects come and go; at 0 they are there, and the pointer of a mask prompt is not discarded."""
    meta, ours = side("meta", "sam2"), side("ours", "napari_sam2")
    from parity.cases import make_case, run_case
    from parity.record import compare, to_arrays

    case = make_case("main-256")
    mine = to_arrays(run_case(ours, ours.build(variant, case.image_size, bias), case), full=True)
    theirs = to_arrays(run_case(meta, meta.build(variant, case.image_size, bias), case), full=True)
    for difference in compare(mine, theirs):
        assert difference.logits <= TOLERANCE, difference
        assert difference.ious <= TOLERANCE, difference


def test_images_agree_with_transformers() -> None:
    hugging_face, ours = side("hugging_face", "transformers"), side("ours", "napari_sam2")
    from parity.frames import make_frames
    from parity.record import compare, to_arrays
    from parity.scenarios import image_prompts

    image, prompts = make_frames(1, 1024)[0], image_prompts(1024)
    model = ours.build("sam2.1_hiera_tiny", 1024, 0.0)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    mine = to_arrays(ours.run_image(model, image, prompts), full=True)
    theirs = to_arrays(hugging_face.run_image(hugging_face.build(shapes), image, prompts), full=True)
    (difference,) = compare(mine, theirs)
    assert difference.maps == 10
    assert difference.logits <= TOLERANCE, difference
    assert difference.ious <= TOLERANCE, difference
    assert difference.scores <= TOLERANCE, difference
