"""Hides single objects of a Labels layer by taking the colour away; the pixels stay."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

_CLEAR = np.zeros(4, np.float32)


class Visibility:
    """Which objects are hidden. While any is, the layer's colormap is one that names every object."""

    def __init__(self) -> None:
        self._layer: Labels | None = None
        self._colormap: Any = None
        self._ids: tuple[int, ...] = ()
        self._hidden: set[int] = set()
        self._painting = False
        self._colors: dict[int, tuple[int, int, int]] = {}

    def follow(self, layer: Labels | None) -> None:
        """Work on another layer. The one before is shown whole again."""
        if layer is self._layer:
            return
        self.release()
        self._layer = layer
        if layer is not None:
            self._take(layer)
            layer.events.colormap.connect(self._on_colormap)

    def release(self) -> None:
        """Show all, and let go of the layer."""
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.events.colormap.disconnect(self._on_colormap)
            if self._hidden:
                layer.colormap = self._colormap
        self._hidden.clear()

    def know(self, ids: Iterable[int]) -> None:
        """These are the objects that there are."""
        self._ids = tuple(ids)
        if self._hidden:
            self._paint()

    def visible(self, object_id: int) -> bool:
        """Whether the masks of an object are shown."""
        return object_id not in self._hidden

    def color(self, object_id: int) -> tuple[int, int, int] | None:
        """RGB colour of an object, 0 to 255, also of a hidden one; None without a layer."""
        if self._colormap is None:
            return None
        if object_id not in self._colors:
            red, green, blue = (round(255 * float(value)) for value in np.ravel(self._colormap.map(object_id))[:3])
            self._colors[object_id] = red, green, blue
        return self._colors[object_id]

    def set(self, object_id: int, visible: bool) -> None:
        """Show an object, or hide it."""
        (self._hidden.discard if visible else self._hidden.add)(object_id)
        self._paint()

    def _paint(self) -> None:
        if self._layer is None:
            return
        self._painting = True
        try:
            self._layer.colormap = self._with_gaps() if self._hidden else self._colormap
        finally:
            self._painting = False

    def _take(self, layer: Labels) -> None:
        self._colormap = layer.colormap
        self._colors.clear()

    def _with_gaps(self) -> DirectLabelColormap:
        colors: dict[int | None, np.ndarray] = {None: _CLEAR, 0: _CLEAR}
        for object_id in self._ids:
            shown = object_id not in self._hidden
            colors[object_id] = np.ravel(self._colormap.map(object_id)).astype(np.float32) if shown else _CLEAR
        return DirectLabelColormap(color_dict=colors)

    def _on_colormap(self, event: Any = None) -> None:
        """The user has chosen other colours: they hold, and what is hidden stays hidden."""
        if not self._painting and self._layer is not None:
            self._take(self._layer)
            if self._hidden:
                self._paint()
