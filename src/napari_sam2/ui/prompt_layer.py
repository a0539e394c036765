"""What the points and the boxes have in common: a napari layer that always says the same as the document."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Points, Shapes
from psygnal import Signal

from napari_sam2.session.document import Document
from napari_sam2.ui.geometry import Axes

POSITIVE, NEGATIVE, MASK = "positive", "negative", "mask"

ColorOf = Callable[[int], np.ndarray]
"""The RGBA colour, 0 to 1, of an object by its id."""


class PromptLayer(ABC):
    """Keeps a layer and the document equal, whichever of the two is changed.

    The user's edits are read from the layer as a whole, so that it does not matter by which gesture or script they were
    made. The layer's table of features says which object an entry belongs to and survives moving, pasting and removing.

    Events:
        refused(reason): an edit cannot be a prompt; the layer shows again what the document holds.
    """

    refused = Signal(str)

    def __init__(self, layer: Points | Shapes, axes: Axes, document: Document, color_of: ColorOf) -> None:
        self.layer = layer
        self.axes = axes
        self._document = document
        self._color_of = color_of
        self._known = 0
        self._writing = False
        self.closed = ""
        """Why nothing can be said in the layer for the moment, in which the document has no prompts; "" when it can."""
        layer.events.data.connect(self._on_data)
        layer.events.features.connect(self._on_features)

    def detach(self) -> None:
        """Stop following the layer."""
        self.layer.events.data.disconnect(self._on_data)
        self.layer.events.features.disconnect(self._on_features)

    def read(self) -> None:
        """Bring the document in line with the layer; what cannot be a prompt is taken back."""
        self._known = len(self.layer.data)
        reason, again = self._refuse_all() if self.closed else self._read()
        if reason or again:
            self._take_back()
        if reason:
            self.refused.emit(reason)
        self.paint()

    def write(self) -> None:
        """Bring the layer in line with the document."""
        self._writing = True
        try:
            self._write()
        finally:
            self._writing = False
        self._known = len(self.layer.data)
        self.paint()

    def paint(self) -> None:
        """Colour the entries by object and kind."""
        self._writing = True
        try:
            self._paint()
        finally:
            self._writing = False

    @abstractmethod
    def _read(self) -> tuple[str, bool]:
        """Tell the document. Returns why something is refused ("" if nothing is), and whether to write it back."""

    @abstractmethod
    def _write(self) -> None: ...

    @abstractmethod
    def _paint(self) -> None: ...

    @abstractmethod
    def _stamp(self, features: pd.DataFrame, row: int) -> None:
        """Say in its row of the features what a new entry belongs to."""

    def _refuse_all(self) -> tuple[str, bool]:
        """As `_read`, for a layer that is closed. napari tells of one shape several times; it is refused once."""
        any_new = len(self.layer.data) > 0  # the document holds no prompts then
        return self.closed if any_new else "", any_new

    def _take_back(self) -> None:
        self.write()

    def _objects(self) -> list[int]:
        """The object id of every entry; the current object where a script left it out."""
        current = self._document.current
        column = self.layer.features.get("object")
        if column is None:
            return [current] * len(self.layer.data)
        numbers = pd.to_numeric(column, errors="coerce")[: len(self.layer.data)]
        return [int(value) if np.isfinite(value) and value >= 1 else current for value in numbers]

    def _set_features(self, features: pd.DataFrame) -> None:
        self._writing = True
        try:
            self.layer.features = features
        finally:
            self._writing = False

    def _on_data(self, event: Any) -> None:
        # napari also tells before an edit; only what has happened counts.
        if self._writing or event.action not in ("added", "removed", "changed"):
            return
        # Moving a shape ends with "added" too, so what counts as new is what was not there before.
        new = range(self._known, len(self.layer.data))
        if event.action == "added" and new:
            features = self.layer.features.copy()
            for row in new:
                self._stamp(features, row)
            self._set_features(features)
        self._read_edit()

    def _on_features(self, event: Any = None) -> None:
        # A script may hand an entry to another object, and pasting shapes tells of nothing else.
        if not self._writing and len(self.layer.data) == len(self.layer.features):
            self._read_edit()

    def _read_edit(self) -> None:
        """Read what the user has just done."""
        self.read()
