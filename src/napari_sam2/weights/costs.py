"""What each model costs, and what that means in seconds on a computer whose rate was measured once.

Costs are billions of multiplications and additions, counted in the network itself (tests/weights/test_costs.py counts
again). Times grow with them roughly: going from 512 to 1024 pixels on one thread of a busy computer, looking at a frame
took 5.7 times as long for 4.65 times the work, following an object 11.9 times as long for 10.9 times the work.
"""

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from napari_sam2.weights.notes import read_note, write_note
from napari_sam2.weights.registry import BUNDLED, PUBLISHED

_NOTE = "speed"

ENCODE = {"tiny": 292.39, "small": 360.07, "base_plus": 646.75, "large": 1822.82}
"""Looking at one frame of 1024 x 1024, by size of the model."""
TRACK = 436.84
"""Following one object from a frame to the next with a full memory, the same for all published models."""
YARD, YARD_SIDE = "sam2.1_hiera_tiny", 512
"""What is measured: this model on frames of this side, in pixels; it takes few seconds."""
YARD_ENCODE, YARD_TRACK = 62.85, 40.0


@dataclass(frozen=True)
class Rate:
    """What was measured on this computer, in seconds.

    Attributes:
        device: where, in words.
        encode: the yardstick looks at a frame.
        track: the yardstick follows an object.
        micro: `micro` looks at and follows one object.
    """

    device: str
    encode: float
    track: float
    micro: float


@dataclass(frozen=True)
class Estimate:
    """Expected seconds for each frame, and in addition for each object in it."""

    frame: float
    object: float

    @property
    def text(self) -> str:
        """In words, to be read as "per frame"."""
        each = f"{_seconds(self.object)} per object"
        return f"about {_seconds(self.frame)} + {each}" if self.frame else f"about {each}"


def estimate(variant: str, rate: Rate) -> Estimate | None:
    """What a model will take on this computer; None for one that nothing is known of.

    It is a rule of three: good to a factor of about 1.5 on a computer that does nothing else.
    """
    if variant == BUNDLED:
        return Estimate(0.0, rate.micro)
    if variant not in PUBLISHED:
        return None
    size = variant.partition("_hiera_")[2]
    return Estimate(rate.encode * ENCODE[size] / YARD_ENCODE, rate.track * TRACK / YARD_TRACK)


def known_rate(device: str = "auto") -> Rate | None:
    """What was measured here before with the same torch, None when nothing was."""
    noted = read_note(_NOTE)
    entry = noted.get(_key(device)) if isinstance(noted, dict) else None
    try:
        rate = Rate(**entry) if isinstance(entry, dict) else None
    except TypeError:
        return None
    numbers = (rate.encode, rate.track, rate.micro) if rate else ()
    return rate if all(isinstance(value, float) and value > 0 for value in numbers) else None


def remember_rate(device: str, rate: Rate) -> None:
    """Keep what was measured."""
    noted = read_note(_NOTE)
    write_note(_NOTE, {**(noted if isinstance(noted, dict) else {}), _key(device): asdict(rate)})


def _key(device: str) -> str:
    """What the rate depends on; a home folder may be shared by several computers."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = "?"
    return f"{platform.node()}, {os.cpu_count()} cores, torch {torch}, {device}"


def _seconds(value: float) -> str:
    if value < 0.01:
        return f"{1000 * value:.0f} ms"
    if value < 1:
        return f"{value:.2g} s"
    return f"{value:.0f} s" if value < 100 else f"{value / 60:.0f} min"
