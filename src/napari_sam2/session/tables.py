"""Tables of colours as text, for session.json."""

import base64
import zlib

import numpy as np
import numpy.typing as npt

_COLOURS = 256


def packed(table: npt.NDArray[np.float32]) -> str:
    """(n, 3) colours as a short text."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(table, "<f4").tobytes(), 9)).decode("ascii")


def unpacked(text: str) -> npt.NDArray[np.float32]:
    """The colours that were packed. Raises ValueError for another text."""
    try:
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), 16 * _COLOURS * 3)
        table = np.frombuffer(content, "<f4").reshape(-1, 3).astype(np.float32)
    except (zlib.error, ValueError) as error:
        raise ValueError("is no table of colours") from error
    if len(table) < 2 or not ((table >= 0) & (table <= 1)).all():
        raise ValueError("is no table of colours from 0 to 1")
    return table
