"""Click a cell once and get it in every frame: SAM 2 for time-lapse and z-stacks.

The names below are loaded on first use, so that importing the package costs no torch, napari or numpy.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.api import segment_stack
    from napari_sam2.session.stacks import View
    from napari_sam2.tracking import Contrast, Tracker, TrackerOptions
    from napari_sam2.weights.load import load_model

# While they wait for each other, torch's threads turn in circles: by default so long that beside other programs they
# take the time of the thread that is waited for, and half of the frames are lost (benchmarks/waiting.py). GNU OpenMP
# reads this when torch is loaded. Whoever has said how threads shall wait is right.
if os.environ.keys().isdisjoint(("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")):
    os.environ["GOMP_SPINCOUNT"] = "1000"

__version__ = "0.1.0"

__all__ = ["Contrast", "Tracker", "TrackerOptions", "View", "__version__", "load_model", "segment_stack"]

_HOMES = {
    "Contrast": "napari_sam2.tracking",
    "Tracker": "napari_sam2.tracking",
    "TrackerOptions": "napari_sam2.tracking",
    "View": "napari_sam2.session.stacks",
    "load_model": "napari_sam2.weights.load",
    "segment_stack": "napari_sam2.api",
}


def __getattr__(name: str) -> Any:
    """Load one of the public names from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
