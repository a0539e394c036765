"""The keys of the widget: letters that napari leaves free, bound to the viewer so that any layer may be selected."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shortcut:
    """A key, the objectName of the control that does the same, and what it does."""

    key: str
    control: str
    does: str


SHORTCUTS = (
    Shortcut("Q", "positive", "the next clicks show what belongs to the object"),
    Shortcut("W", "negative", "the next clicks show what does not belong to it"),
    Shortcut("H", "box", "draw boxes around objects; once more: back to clicks"),
    Shortcut("Shift-H", "lasso", "draw a line around the object; what is inside is its mask"),
    Shortcut("Shift-Q", "other_mask", "the next of the masks that an ambiguous click can mean"),
    Shortcut("Shift-W", "segment_frame", "propose all objects of this frame; while they are looked for: stop"),
    Shortcut("Shift-K", "accept_all", "make objects of all proposals that are left"),
    Shortcut("Shift-J", "reject_all", "drop all proposals that are left"),
    Shortcut("N", "new_object", "the next prompts belong to a new object"),
    Shortcut(
        "Shift-N",
        "divide",
        "the object divides here: the next prompts belong to its second daughter",
    ),
    Shortcut("J", "previous_object", "the next prompts belong to the object before"),
    Shortcut("K", "next_object", "the next prompts belong to the object after"),
    Shortcut("G", "propagate", "find the objects in all frames"),
    Shortcut("Shift-G", "cancel", "stop; finished frames stay"),
    Shortcut(
        "U", "accept", "this frame of the object is right: propagation leaves it alone; once more: take that back"
    ),
    Shortcut("Shift-U", "accept_frame", "the same for all objects on this frame"),
    Shortcut("Control-Z", "undo", "take back the last prompt, edit, accepted frame or propagation"),
    Shortcut("Control-Shift-Z", "redo", "make again what was taken back"),
)

REVIEW_SHORTCUTS = (
    Shortcut(".", "next_doubtful", "go to the next place where the model is unsure"),
    Shortcut(",", "previous_doubtful", "go to the place before"),
)
"""Bound while the review is open."""

_BY_CONTROL = {shortcut.control: shortcut.key for shortcut in (*SHORTCUTS, *REVIEW_SHORTCUTS)}


def key_of(control: str) -> str:
    """The key that does what a control does, "" when there is none."""
    return _BY_CONTROL.get(control, "")


class UndoKeys:
    """Lets the keys of undo and redo mean the same on Labels layers, which have an undo of their own for strokes."""

    def __init__(self, viewer: Any, undo: Callable[[], None], redo: Callable[[], None]) -> None:
        self._viewer = viewer
        self._actions = {key_of("undo"): undo, key_of("redo"): redo}
        self._layers: list[Any] = []

    def bind(self, layer: Any) -> None:
        """Let the keys do what they do elsewhere. Twice does no harm."""
        for key, action in self._actions.items():
            # As a default argument: the loop goes on.
            layer.bind_key(key, lambda layer, key=key, action=action: self._press(layer, key, action), overwrite=True)
        self._layers = [other for other in self._layers if other != layer and other in self._viewer.layers]
        self._layers.append(layer)

    def release(self) -> None:
        """Leave the keys to the layers."""
        for layer in self._layers:
            for key in self._actions:
                layer.bind_key(key, None, overwrite=True)
        self._layers.clear()

    def _press(self, layer: Any, key: str, action: Callable[[], None]) -> None:
        if layer.n_edit_dimensions > 2:
            # Only the layer knows of all frames of a stroke that goes through several.
            layer.undo() if key == key_of("undo") else layer.redo()
        else:
            action()


class KeyBindings:
    """Binds the keys to a viewer, and releases them again."""

    def __init__(
        self, viewer: Any, actions: Mapping[str, Callable[[], None]], shortcuts: Sequence[Shortcut] = SHORTCUTS
    ) -> None:
        """
        Args:
            viewer: anything with napari's `bind_key`.
            actions: what to call, by the control's objectName.
            shortcuts: the keys.
        """
        self._viewer = viewer
        self._bound: list[str] = []
        self.taken: list[str] = []
        """Keys that something else has bound; they are left alone."""
        for shortcut in shortcuts:
            self._bind(shortcut.key, actions[shortcut.control])

    def release(self) -> None:
        """Leave the keys to others."""
        while self._bound:
            self._viewer.bind_key(self._bound.pop(), None)

    def _bind(self, key: str, action: Callable[[], None]) -> None:
        try:
            self._viewer.bind_key(key, lambda _: action())
        except ValueError:
            self.taken.append(key)
        else:
            self._bound.append(key)
