"""What stands in the session.json of a session folder, checked when it is read."""

from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from napari_sam2.session.tables import unpacked

FORMAT = "napari-sam2/session"
VERSION = 2
"""In version 1, prompts of a swept axis had frames that were counted through all slices, and no slices."""

README = """\
A session of napari-sam2 (https://pypi.org/project/napari-sam2). To open it: Plugins > Segment stack > Session > Open,
or drop this folder onto napari. The image itself is not in here; session.json says
which one it was.

session.json   the image, the objects with their names and parents, accepted frames, the model
prompts.json   the clicks, boxes and masks (format napari-sam2/prompts; masks of corrections in prompts-masks)
masks.zarr     the label image, object number by pixel, 0 = background
scores.npz     what the model thinks of every mask
"""


class SessionError(ValueError):
    """A session folder that cannot be used; the message is one line for the user."""


def _inside(name: str) -> str:
    windows = PureWindowsPath(name)
    if not name or PurePosixPath(name).is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise ValueError(f"{name!r} leads out of the folder")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_Id = Annotated[int, Field(ge=1, le=2**32 - 1)]
_Frame = Annotated[int, Field(ge=0)]
_Plane = list[_Frame]


class ContrastEntry(_Strict):
    """How its intensities became what the model saw; see tracking.contrast."""

    kind: Literal["auto", "limits", "percentiles", "frame"] = "auto"
    limits: tuple[float, float] | None = None
    percentiles: tuple[float, float] = (1.0, 99.8)
    gamma: float = 1.0
    invert: bool = False

    @field_validator("limits", "percentiles", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        # JSON has no tuples.
        return tuple(value) if isinstance(value, list) else value


def _is_table(text: str) -> str:
    unpacked(text)
    return text


class ChannelEntry(_Strict):
    """One channel.

    Attributes:
        name, path, fingerprint: of the image that it was, apart from the session's own.
        own: it was the image of the session itself.
        table: its colours from black to white, see `packed`.
        colormap: what a person calls them.
    """

    name: str = ""
    path: str = ""
    fingerprint: str = ""
    own: bool = False
    table: Annotated[str, AfterValidator(_is_table)]
    colormap: str = ""
    contrast: ContrastEntry
    opacity: Annotated[float, Field(ge=0, le=1)] = 1.0
    blending: Literal["additive", "translucent", "opaque", "minimum"] = "additive"


class ComposedEntry(_Strict):
    """What the model saw was not the image alone.

    Attributes:
        kind: "visible": images on one another; "axis": the planes of an axis of the image.
        axis: of the image, for the second kind.
        channels: the lowest first; for the second kind, one per index of the axis.
    """

    kind: Literal["visible", "axis"]
    axis: Annotated[int, Field(ge=0)] | None = None
    channels: Annotated[list[ChannelEntry], Field(min_length=1)]

    def model_post_init(self, context: Any) -> None:
        """Refuse what cannot be looked at."""
        if (self.kind == "axis") != (self.axis is not None):
            raise ValueError("axis: is given for channels of an axis, and for no others")


class WorldEntry(_Strict):
    """Where the image lies in the world, one value per axis of the image; see export.calibration.

    Attributes:
        labels, units: what the axes are called, and in what they are measured.
        scale, translate: size of a pixel, and place of the first one.
        turned: there is more to it than sizes and a place.
    """

    labels: list[str]
    units: list[str]
    scale: list[float]
    translate: list[float]
    turned: bool = False


class ImageEntry(_Strict):
    """Which image it was, and how it was seen.

    Attributes:
        shape: of the level that was worked on, without colour samples.
        level: of an image with several resolutions, 0 is the finest.
        aspect: height of a pixel of its frames over its width.
        composed: the channels that the model saw together; None: the image alone.
        world: where it lay; None: not known.
        ends: its frames, or the slices of its volumes, were depth, in which objects end; None: not known.
        fingerprint: "" when it was not known yet.
    """

    name: str
    path: str = ""
    shape: list[Annotated[int, Field(ge=1)]]
    dtype: str
    rgb: bool = False
    frame_axis: Annotated[int, Field(ge=0)] | None = None
    swept_axis: Annotated[int, Field(ge=0)] | None = None
    level: Annotated[int, Field(ge=0)] = 0
    aspect: Annotated[float, Field(gt=0, lt=1e6)] = 1.0
    contrast: ContrastEntry | None = None
    composed: ComposedEntry | None = None
    world: WorldEntry | None = None
    ends: bool | None = None
    fingerprint: str = ""

    def model_post_init(self, context: Any) -> None:
        """Refuse a world with other axes."""
        world = self.world
        if world is not None and {len(world.labels), len(world.units), len(world.scale), len(world.translate)} != {
            len(self.shape)
        }:
            raise ValueError(f"world: has values for other axes than the {len(self.shape)} of the image")

    @property
    def slices(self) -> int:
        """How many frames are one step along the frame axis."""
        swept = self.swept_axis
        return 1 if swept is None or swept >= len(self.shape) else self.shape[swept]


class ObjectEntry(_Strict):
    """One object.

    Attributes:
        born: the frame on which a daughter begins, where somebody has said so.
        goes_on: she is what her mother was called from there on before.
    """

    id: _Id
    name: str
    parents: list[_Id] = []
    born: _Frame | None = None
    goes_on: bool = False


class LockEntry(_Strict):
    """An accepted frame; without an object of every object."""

    object: _Id | None = None
    frame: _Frame
    plane: _Plane = []


class PlaceEntry(_Strict):
    """An object on a frame."""

    object: _Id
    frame: _Frame
    plane: _Plane = []


class DoneEntry(_Strict):
    """The finished frames of an object, such as "0-5,8"."""

    object: _Id
    plane: _Plane = []
    frames: Annotated[str, Field(pattern=r"^\d+(-\d+)?(,\d+(-\d+)?)*$")]


class PromptsEntry(_Strict):
    """The prompts file of a plane."""

    plane: _Plane = []
    file: Annotated[str, AfterValidator(_inside)]


class SessionFile(_Strict):
    """The whole session.json."""

    format: Literal["napari-sam2/session"] = "napari-sam2/session"
    version: int = VERSION
    saved: str = ""
    closed: bool = False
    image: ImageEntry
    model: str = ""
    current: _Id
    objects: list[ObjectEntry]
    prompts: list[PromptsEntry]
    corrections: list[PlaceEntry] = []
    accepted: list[LockEntry] = []
    done: list[DoneEntry] = []


def parse(content: Any) -> SessionFile:
    """Check what was read. Raises SessionError, one line that names the entry that is wrong and why."""
    version = content.get("version") if isinstance(content, dict) else None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SessionError(f'format: expected "{FORMAT}"; choose the folder of a session')
    if isinstance(version, int) and version > VERSION:
        raise SessionError(f"version: got {version}, this program reads up to {VERSION}; update napari-sam2")
    try:
        return SessionFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SessionError(f"{where}: {first['msg']}") from error


def ranges(frames: Iterable[int]) -> str:
    """Frame numbers in short: "0-5,8"."""
    parts: list[list[int]] = []
    for frame in sorted(frames):
        if parts and parts[-1][1] == frame - 1:
            parts[-1][1] = frame
        else:
            parts.append([frame, frame])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def from_ranges(text: str, limit: int) -> frozenset[int]:
    """The frame numbers below `limit` that `ranges` has written."""
    frames: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        frames.update(range(int(first), min(int(last or first) + 1, limit)))
    return frozenset(frame for frame in frames if frame < limit)
