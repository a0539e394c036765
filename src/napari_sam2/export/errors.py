"""What an exporter refuses."""

from collections.abc import Sequence
from typing import Literal

Offer = Literal["split", "renumber"]


class ExportError(ValueError):
    """Results that a format cannot hold, or a target that cannot be replaced; the message is one line for the user.

    Attributes:
        offer: the option of ExportOptions with which it would work, if there is one.
    """

    def __init__(self, message: str, offer: Offer | None = None) -> None:
        super().__init__(message)
        self.offer = offer


def some(ids: Sequence[int], what: str = "object") -> str:
    """ "object 3", "objects 3 and 5", "objects 3, 5, 8 and 40 more": a list that stays one line."""
    shown = [str(item) for item in ids[:3]]
    if len(ids) > 3:
        tail = f"{len(ids) - 3} more"
    elif len(ids) > 1:
        tail = shown.pop()
    else:
        return f"{what} {shown[0]}"
    return f"{what}s {', '.join(shown)} and {tail}"
