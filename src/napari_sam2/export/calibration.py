"""How large a pixel is and how far apart the frames are, with units under one name each."""

from dataclasses import dataclass

# UDUNITS-2 names, as OME-Zarr and GEFF want them; the symbols are those of OME-XML.
_SPACE = {"nanometer": "nm", "micrometer": "µm", "millimeter": "mm", "centimeter": "cm", "meter": "m"}
_TIME = {"microsecond": "µs", "millisecond": "ms", "second": "s", "minute": "min", "hour": "h", "day": "d"}
_ALIASES = {
    "µm": "micrometer",
    "μm": "micrometer",
    "um": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "sec": "second",
    "hr": "hour",
    "": "pixel",
    "px": "pixel",
    "frame": "pixel",
    "dimensionless": "pixel",
}
_BY_SYMBOL = {symbol: name for table in (_SPACE, _TIME) for name, symbol in table.items()}


def unit_name(text: str | None) -> str | None:
    """The name of a unit however it is written ("µm", "um", "micron" and "micrometre" are "micrometer").

    None for "pixel" and for what is neither a length nor a time.
    """
    plain = (text or "").strip()
    name = _ALIASES.get(plain) or _ALIASES.get(plain.lower()) or _BY_SYMBOL.get(plain) or plain.lower()
    name = name.replace("metre", "meter")
    if name.endswith("s") and name not in _SPACE and name not in _TIME:
        name = name[:-1]
    return name if name in _SPACE or name in _TIME else None


def is_time(unit: str | None) -> bool:
    """Whether a unit of `unit_name` is one of time."""
    return unit in _TIME


def symbol(unit: str | None) -> str:
    """ "µm" of "micrometer", and "pixel" of None."""
    return "pixel" if unit is None else (_SPACE | _TIME)[unit]


TURNED = (
    "The layer is turned, sheared or mirrored in napari. The file holds its pixels, sizes and place, and not how it is "
    "turned: set that again where you open it."
)
"""What is said when a layer lies in the world as no format holds it."""


@dataclass(frozen=True)
class Calibration:
    """Sizes of what is counted in pixels and frames.

    Attributes:
        pixel_size: (y, x), or (z, y, x) of frames that are volumes, in `space_unit`.
        space_unit: a name of `unit_name`; None when sizes are not known beyond their ratio (pixels).
        frame_step: from one frame to the next, in `frame_unit`.
        frame_unit: of time, or of length when frames are slices; None when it is not known.
        origin: where the centre of the first pixel lies, (y, x) or (z, y, x) in `space_unit`; () for 0.
        frame_origin: when, or where, the first frame is, in `frame_unit`.
        turned: the image lies turned, sheared or mirrored in the world, which no format of ours holds.
    """

    pixel_size: tuple[float, ...] = (1.0, 1.0)
    space_unit: str | None = None
    frame_step: float = 1.0
    frame_unit: str | None = None
    origin: tuple[float, ...] = ()
    frame_origin: float = 0.0
    turned: bool = False

    @property
    def placed(self) -> bool:
        """Whether the first pixel or frame lies anywhere but at 0."""
        return any(self.origin) or bool(self.frame_origin)

    @property
    def known(self) -> bool:
        """Whether there is a length per pixel."""
        return self.space_unit is not None

    @property
    def frames_known(self) -> bool:
        """Whether there is a time, or a length, per frame."""
        return self.frame_unit is not None
