"""How the tracker behaves, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from napari_sam2.tracking.contrast import AUTO, Contrast
from napari_sam2.tracking.errors import TrackingError

Direction = Literal["forward", "backward", "both"]
ViewKind = Literal["auto", "frame", "windows"]
Precision = Literal["auto", "float32"]


PATIENCE = 8
"""Frames in a row on which an object must be absent before it is only looked for now and then."""


@dataclass(frozen=True)
class TrackerOptions:
    """Choices of a tracker; the defaults are what serves users, :meth:`reference` is what Meta published."""

    view: ViewKind = "auto"
    """Look at the whole frame, at windows around the objects, or at what the model was made for."""
    contrast_limits: tuple[float, float] | None = None
    """Intensities shown as black and white, for the whole stack; None: what `contrast` says."""
    contrast: Contrast = AUTO
    """How intensities become what the model sees: limits, percentiles of the stack or by frame, gamma, inverted."""
    resolve_overlaps: bool = True
    """Where masks overlap, leave the pixel to the object that is surer of it, in the logits too."""
    one_owner: bool = True
    """Of two objects that claim the same cell, the one that jumped there gives way and counts as absent."""
    hold_painted: bool = True
    """On a frame prompted with a mask, the result is that mask, to the pixel."""
    fill_holes: int = 8
    """Holes of up to so many cells of the mask logits are filled; 0 leaves them."""
    smallest_part: float = 0.25
    """Separate parts with less than this share of the largest part's area are dropped; 0 keeps all."""
    skip_absent: bool = True
    """Frames on which the object was absent leave no memory."""
    probe_every: int = 4
    """Of an object that has been absent for PATIENCE frames only every so many frames are looked at; 1: all of them."""
    ends: bool | None = None
    """Frames are slices, and an object ends where it fades or becomes another one (see `tracking.depth`), for models
    that look at windows. None: where the frames are known to be slices, as by `View("ZYX")` or by a layer's axis."""
    max_conditioning: int | None = 8
    """Prompted frames in the memory, the nearest ones; None: all."""
    second_looks: bool = True
    """A first click or box in a window is looked at from nearer and from farther too: of what a click may mean, that
    which all agree on is preferred, and the mask is the mean of all."""
    window_ratio: float = 5.0
    """Side of a window, in diameters of its object."""
    share_windows: bool = False
    """Neighbouring objects are looked at in windows of one scale, cut out of features that are computed once.

    Faster by a tenth among a hundred cells, and less accurate in crowds: windows then move in steps of two tokens.
    """
    precision: Precision = "auto"
    """"auto": half precision for the heavy parts where the model was loaded for that; "float32": as the weights are."""
    encode_ahead: bool | None = None
    """Encode the next frame while this one is worked on, where all of it is looked at; None: on CUDA alone."""
    batch: int = 16
    """Windows or objects that go through the network at once."""
    feature_cache_bytes: int = 256 * 2**20
    """Image features kept for frames that are looked at again."""
    feature_folder: Path | None = None
    """Where features of whole frames and plates are kept for the next time a stack is opened; None: nowhere."""
    feature_folder_bytes: int = 20 * 2**30
    """What they may take there."""

    def __post_init__(self) -> None:
        """Raises TrackingError for a value that cannot be used."""
        if self.contrast_limits is not None:
            if self.contrast.kind not in ("auto", "limits"):
                raise TrackingError(f"got contrast_limits and the contrast {self.contrast.kind!r}; give one of them")
            limits = (float(self.contrast_limits[0]), float(self.contrast_limits[1]))
            object.__setattr__(self, "contrast", replace(self.contrast, kind="limits", limits=limits))
        if self.view not in get_args(ViewKind):
            raise TrackingError(f"got the view {self.view!r}, expected one of {', '.join(get_args(ViewKind))}")
        if self.precision not in get_args(Precision):
            raise TrackingError(f"got the precision {self.precision!r}, expected auto or float32")
        if self.batch < 1 or self.probe_every < 1 or self.window_ratio <= 1:
            raise TrackingError(
                f"got batch {self.batch}, probe_every {self.probe_every} and window_ratio {self.window_ratio}, "
                "expected at least 1, at least 1 and more than 1"
            )
        if self.max_conditioning is not None and self.max_conditioning < 1:
            raise TrackingError(f"got max_conditioning {self.max_conditioning}, expected at least 1, or None for all")
        if self.feature_folder is not None:
            object.__setattr__(self, "feature_folder", Path(self.feature_folder))

    @classmethod
    def reference(cls) -> TrackerOptions:
        """Exactly the published SAM 2: whole frames, every prompted frame and the previous six, nothing filtered."""
        return cls(
            view="frame",
            second_looks=False,
            share_windows=False,
            precision="float32",
            resolve_overlaps=False,
            one_owner=False,
            hold_painted=False,
            fill_holes=8,
            smallest_part=0,
            skip_absent=False,
            ends=False,
            probe_every=1,
            max_conditioning=None,
        )
