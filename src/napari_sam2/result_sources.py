"""Where results to export come from: arrays with any axes, and session folders. Knows no napari."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_sam2.export.calibration import Calibration, is_time, unit_name
from napari_sam2.export.file_calibration import Sizes, calibration_of, from_sizes
from napari_sam2.export.results import Results
from napari_sam2.session.axes import Axes, default_frame_axis, is_channel, stack_from
from napari_sam2.session.folder import SESSION, open_folder
from napari_sam2.session.folder_format import FORMAT, WorldEntry

_DEPTH = ("z", "depth", "plane", "planes", "slice", "slices")


@dataclass(frozen=True)
class Cut:
    """How an array of the layer's shape is looked at: as (frames, y, x), or as (t, z, y, x) when `depth` is an axis.

    Attributes:
        shape: of the array, without RGB.
        frame: the axis of the frames, None for a single image.
        depth: the axis of the slices of volumes, or None.
        held: the index on each axis that is neither, by axis.
        letter: "T" or "Z", what the frames are.
    """

    shape: tuple[int, ...]
    frame: int | None
    depth: int | None
    held: Mapping[int, int]
    letter: Literal["T", "Z"]

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of what is looked at, in its order; the frames of a single image have none."""
        leading = (self.frame, self.depth)
        return (*(axis for axis in leading if axis is not None), len(self.shape) - 2, len(self.shape) - 1)

    @property
    def letters(self) -> str:
        """What `axes` are, one letter each."""
        return ("TZYX" if self.depth is not None else f"{self.letter}YX")[-len(self.axes) :]

    def of(self, data: Any, rgb: bool = False) -> Any:
        """An array seen like this; a view of numpy, read frame by frame for anything else."""
        if self.depth is None:
            return stack_from(data, Axes(self.shape, self.frame), tuple(self.held.values()), rgb)
        return Volumes(data, self)


class Volumes:
    """A (t, z, y, x) look at an array; a volume is read when it is indexed by a time point."""

    def __init__(self, data: Any, cut: Cut) -> None:
        self._data, self._cut = data, cut
        self.dtype = np.dtype(data.dtype)
        self.shape = tuple(cut.shape[axis] for axis in cut.axes)

    def __getitem__(self, time: int) -> np.ndarray:
        cut = self._cut
        index: list[Any] = [slice(None)] * len(cut.shape)
        for axis, place in cut.held.items():
            index[axis] = place
        if cut.frame is not None:
            index[cut.frame] = time
        return np.asarray(self._data[tuple(index)])


def cut_of(
    shape: Sequence[int],
    labels: Sequence[str],
    units: Sequence[Any],
    frame: int | None,
    at: Sequence[int],
    volumes: bool,
) -> Cut:
    """The way to look at an array.

    Args:
        shape: of the array, without RGB.
        labels, units: of its axes.
        frame: the axis that counts frames; one of the last two stands for objects that were followed sideways.
        at: the index on every axis at which it is cut where need be.
        volumes: whether time and depth are wanted both, if there are both.
    """
    ndim = len(shape)
    if ndim == 2:
        return Cut(tuple(shape), None, None, {}, "T")
    if frame is None or frame >= ndim - 2:
        frame = default_frame_axis((*shape[:-2], 1, 1), labels)
    frame = 0 if frame is None else frame
    others = [axis for axis in range(ndim - 2) if axis != frame]
    deep = [axis for axis in others if shape[axis] > 1 and not is_channel(labels, axis)]
    depth = deep[0] if volumes and len(deep) == 1 else None
    if depth is not None and is_depth(labels[frame], units[frame]) and not is_depth(labels[depth], units[depth]):
        frame, depth = depth, frame
    letter: Literal["T", "Z"] = "Z" if depth is None and is_depth(labels[frame], units[frame]) else "T"
    held = {axis: int(at[axis]) for axis in range(ndim - 2) if axis not in (frame, depth)}
    return Cut(tuple(shape), frame, depth, held, letter)


def is_depth(label: str, unit: Any) -> bool:
    """Whether an axis is one of space, by its name or its unit."""
    name = unit_name(str(unit))
    return label.lower() in _DEPTH or (name is not None and not is_time(name))


def is_session(folder: Path) -> bool:
    """Whether a folder is one of our sessions."""
    return (folder / SESSION).is_file()


def says_session(folder: Path) -> bool:
    """Whether the session.json of a folder is one of ours, and not of another program that has such a file."""
    try:
        with (folder / SESSION).open("rb") as file:
            return FORMAT.encode() in file.read(1000)
    except OSError:
        return False


def session_results(folder: Path) -> Results:
    """The labels of a session folder, read frame by frame, with names, lineage and scores of its objects.

    A session with more axes than time, depth, y and x gives the first plane. Sizes are those of the layer; where that
    had no units, those of the image's file, where it still is.

    Raises:
        SessionError: it is no session, or damaged.
        ExportError: there are no labels in it.
    """
    saved = open_folder(folder)
    shape = tuple(int(size) for size in saved.masks.shape)
    followed, ndim = saved.image.frame_axis, len(shape)
    world = saved.image.world
    labels, units = (world.labels, world.units) if world is not None else (("",) * ndim, ("",) * ndim)
    cut = cut_of(shape, labels, units, followed, (0,) * ndim, True)
    held = tuple(axis for axis in range(max(ndim - 2, 0)) if axis != followed)
    scores: dict[tuple[int, int], float] = {}
    for (plane, item), rows in saved.scores.items():
        for frame, (_, iou, _) in enumerate(rows):
            at = _place(shape, followed, held, plane, frame)
            if iou == iou and all(at.get(axis, 0) == place for axis, place in cut.held.items()):
                key = (item, 0 if cut.frame is None else at.get(cut.frame, 0))
                scores[key] = min(scores.get(key, 1.0), max(0.0, float(iou)))
    image = Path(saved.image.path)
    known = saved.image.path and image.exists()
    names = {item.id: item.name for item in saved.objects.values() if item.name != f"object {item.id}"}
    about: dict[str, Any] = {"scores": scores, "parents": saved.parents, "names": names, "title": saved.image.name}
    sizes = Calibration() if world is None else _calibration(world, cut)
    if not sizes.known and not sizes.frames_known and known:
        sizes = calibration_of(image, cut.letter, volumes=cut.depth is not None)
    about["calibration"] = sizes
    return Results(cut.of(saved.masks), cut.letter, **about)


def _calibration(world: WorldEntry, cut: Cut) -> Calibration:
    """What the layer of a session said of its sizes and place."""
    letters = cut.letters
    sizes: Sizes = {
        letter: (world.scale[axis], world.units[axis]) for letter, axis in zip(letters, cut.axes, strict=True)
    }
    origins = {letter: world.translate[axis] for letter, axis in zip(letters, cut.axes, strict=True)}
    return replace(from_sizes(sizes, cut.letter, origins, volumes=cut.depth is not None), turned=world.turned)


def _place(
    shape: Sequence[int], followed: int | None, held: Sequence[int], plane: Sequence[int], frame: int
) -> dict[int, int]:
    """The index on every axis of a frame of a plane; where planes were swept, frames are numbered through."""
    at = dict(zip(held, plane, strict=False))
    if len(held) == 1 and not plane:
        frame, at[held[0]] = divmod(frame, shape[held[0]])
    if followed is not None:
        at[followed] = frame
    return at
