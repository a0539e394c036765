"""Where models and trackers come from. The inference thread asks here; torch is imported on the first call."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from napari_sam2.ui.scene import Scene, open_tracker

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in all or None); what it raises ends the loading."""


@dataclass(frozen=True)
class ModelChoice:
    """Which model, and where it runs.

    Attributes:
        model: a name that `load_model` knows, or the path of a checkpoint.
        device: "auto", "cpu", "cuda" or "mps".
        folder: where downloads are kept; "" for the usual cache folder.
        mirrors: addresses of folders on the web to try first for downloads.
    """

    model: str
    device: str = "auto"
    # The same model, wherever its file is: another folder is no reason to load it again.
    folder: str = field(default="", compare=False)
    mirrors: tuple[str, ...] = field(default=(), compare=False)


class TrackerLike(Protocol):
    """What is used of napari_sam2.tracking.Tracker."""

    @property
    def object_ids(self) -> tuple[int, ...]: ...
    def add_points(self, object_id: int, frame: int, points: Any, labels: Any) -> Any: ...
    def add_box(self, object_id: int, frame: int, box: Any) -> Any: ...
    def add_mask(self, object_id: int, frame: int, mask: Any) -> Any: ...
    def clear_prompts(self, object_id: int, frame: int) -> Any: ...
    def remove_object(self, object_id: int) -> Any: ...
    def predict(self, frame: int) -> Any: ...
    def propagate(self, start: int | None, stop: int | None, direction: str) -> Iterator[Any]: ...


class Foreseen(Protocol):
    """Time and memory of a propagation, a line for the user as text; see napari_sam2.tracking.estimate."""

    @property
    def seconds(self) -> float: ...


class Backend(Protocol):
    """All but `merge` is called on the inference thread."""

    def load(self, choice: ModelChoice, progress: Progress) -> Any:
        """A model that is ready to use."""

    def tracker(self, model: Any, stack: Any) -> TrackerLike:
        """A tracker of a (frames, y, x[, rgb]) stack, mostly a Scene."""

    def inference(self) -> AbstractContextManager[Any]:
        """In which every call of the model is made."""

    def foresee(self, tracker: TrackerLike, start: int, stop: int, direction: str) -> Foreseen | None:
        """What a propagation with these arguments will take; None where that is not worth finding out."""

    def merge(self, existing: np.ndarray, result: Any) -> np.ndarray:
        """The (y, x) labels of a frame with the result's objects in them; other objects keep their pixels."""


class Sam2Backend:
    """The models of this package."""

    def load(self, choice: ModelChoice, progress: Progress) -> Any:
        """See Backend. Raises ModelError."""
        from napari_sam2.weights.load import load_model
        from napari_sam2.weights.recent import remember_checkpoint
        from napari_sam2.weights.registry import names

        model = load_model(
            choice.model,
            device=choice.device,
            folder=choice.folder or None,
            mirrors=choice.mirrors,
            progress=progress,
        )
        if choice.model not in names():
            remember_checkpoint(choice.model, model.config.name)
        return model

    def tracker(self, model: Any, stack: Any) -> TrackerLike:
        """See Backend. Raises TrackingError."""
        return open_tracker(model, stack if isinstance(stack, Scene) else Scene(stack))

    def inference(self) -> AbstractContextManager[Any]:
        """See Backend. The mode belongs to the thread that enters it."""
        import torch

        return torch.inference_mode()

    def foresee(self, tracker: Any, start: int, stop: int, direction: Any) -> Foreseen | None:
        """See Backend."""
        from napari_sam2.tracking.estimate import foresee

        return foresee(tracker, direction, start, stop)

    def merge(self, existing: np.ndarray, result: Any) -> np.ndarray:
        """See Backend."""
        from napari_sam2.tracking.labels import merge

        return merge(existing, result)
