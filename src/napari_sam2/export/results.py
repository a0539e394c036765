"""What exporters are given: the labels of a whole stack and all that is known about them, whoever has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_sam2.export.calibration import Calibration
from napari_sam2.export.errors import ExportError

Progress = Callable[[int, int], None]
"""Told (frames that are done, frames in all). What it raises ends the export, and nothing is written."""

Frame = npt.NDArray[np.integer[Any]]


def silent(done: int, total: int) -> None:
    """The progress of those who do not look at it."""


@dataclass(frozen=True)
class Channel:
    """A channel of the image: for intensities, and for pictures.

    Attributes:
        name: for column names.
        frames: array-like of the labels' shape.
        colour: (red, green, blue), 0 to 1, in which a picture shows it.
        limits: the values shown black and in full colour; None: from the first frame.
    """

    name: str
    frames: Any
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Results:
    """The labels of a stack and all that is known about them. Arrays are read frame by frame.

    Attributes:
        labels: (frames, y, x), or (frames, z, y, x) of volumes over time, whole numbers, 0 = background; any array
            that gives a frame when it is indexed (numpy, zarr, dask, a memory map).
        frame_axis: "T", or "Z" when the frames are slices of one volume.
        scores: the IoU that the model predicts for a mask, by (object, frame).
        parents: of an object, by its id: one after a division, several after a fusion.
        names: of objects, by id.
        calibration: sizes of pixels and frames.
        channels: of the image.
        title: what the results are of, such as the image's name.
        sources: files and folders that the arrays are read from; no export replaces them.

    Raises:
        ExportError: the labels are no labels, or a channel has another shape.
    """

    labels: Any
    frame_axis: Literal["T", "Z"] = "T"
    scores: Mapping[tuple[int, int], float] = field(default_factory=dict)
    parents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    channels: tuple[Channel, ...] = ()
    title: str = "results"
    sources: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        shape, kind = tuple(self.labels.shape), np.dtype(self.labels.dtype).kind
        if len(shape) not in (3, 4):
            raise ExportError(f"got labels of shape {shape}, expected (frames, y, x) or (frames, z, y, x)")
        if kind not in "bui":
            raise ExportError(
                f"got labels of type {self.labels.dtype}, expected whole numbers; convert them, for example in napari "
                "with Convert data type in the layer's menu"
            )
        if 0 in shape:
            raise ExportError(f"the labels have no pixels (shape {shape}); there is nothing to export")
        if len(shape) == 4 and self.frame_axis != "T":
            raise ExportError(f"frames of shape {shape[1:]} are volumes, so the frame axis must be T, not Z")
        for channel in self.channels:
            if tuple(channel.frames.shape) != shape:
                raise ExportError(
                    f"the image {channel.name} has shape {tuple(channel.frames.shape)}, the labels have {shape}; "
                    "take the image that was segmented"
                )

    @property
    def count(self) -> int:
        """How many frames there are."""
        return int(self.labels.shape[0])

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(y, x), or (z, y, x)."""
        return tuple(int(size) for size in self.labels.shape[1:])

    @property
    def axes(self) -> str:
        """A letter for each axis of the labels: "TYX", "ZYX" or "TZYX"."""
        return "TZYX" if len(self.frame_shape) == 3 else f"{self.frame_axis}YX"

    @property
    def pixel_size(self) -> tuple[float, ...]:
        """One size per axis of a frame, also where the calibration says less."""
        known = self.calibration.pixel_size
        return (1.0,) * (len(self.frame_shape) - len(known)) + tuple(known[-len(self.frame_shape) :])

    @property
    def origin(self) -> tuple[float, ...]:
        """Where the first pixel lies, one number per axis of a frame."""
        known = self.calibration.origin
        return (0.0,) * (len(self.frame_shape) - len(known)) + tuple(known[-len(self.frame_shape) :])

    def frame(self, index: int) -> Frame:
        """The labels of one frame, read now."""
        read = np.asarray(self.labels[index])
        return read.astype(np.uint8) if read.dtype == bool else read

    def name(self, object_id: int) -> str:
        """What people call an object."""
        return self.names.get(object_id, f"object {object_id}")


def check_flat(results: Results, what: str) -> None:
    """Raise ExportError where frames are volumes."""
    if len(results.frame_shape) != 2:
        raise ExportError(
            f"{what} holds frames of (y, x), these are volumes of {results.frame_shape}; export one plane, "
            "or OME-Zarr, OME-TIFF or GEFF"
        )


@dataclass(frozen=True)
class ExportOptions:
    """What a user may choose; each exporter looks at what concerns it.

    Attributes:
        split: let objects with gaps, and parents that go on beside their children, become several tracks.
        renumber: give tracks the numbers 1, 2, 3, ... where the format has no room for theirs.
        frames_per_second: of films.
        image: write the image along with the labels, where the format holds both.
    """

    split: bool = False
    renumber: bool = False
    frames_per_second: float = 5.0
    image: bool = False
