"""Masks of prompted objects, asked for after every change of a prompt. Late answers are dropped."""

from collections.abc import Callable, Mapping

from psygnal import Signal

from napari_sam2.session.document import Key, Plane
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.inference import InferenceThread, Segmenter, Target


class Previews:
    """Asks for the masks of one frame at a time.

    Every request has a generation number. An answer counts only while no newer request for the same frame was made, and
    a request that is out of date by its turn is not computed at all.

    Events:
        arrived(plane, frame, result): the masks of the prompted objects of a frame.
        failed(error): a request ended with an exception.
    """

    arrived = Signal(tuple, int, object)
    failed = Signal(object)

    def __init__(self, thread: InferenceThread, segmenter: Segmenter) -> None:
        self._thread = thread
        self._segmenter = segmenter
        self._generation = 0
        self._latest: dict[tuple[Plane, int], int] = {}

    @property
    def waiting(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._latest)

    def waits(self, plane: Plane, frame: int) -> bool:
        """Whether an answer for this frame is still to come."""
        return (plane, frame) in self._latest

    def ask(self, target: Target, plane: Plane, prompts: Mapping[Key, Prompt], frame: int) -> None:
        """Ask for the masks on a frame; `prompts` are all those of the plane."""
        self._generation += 1
        generation, key = self._generation, (plane, frame)
        self._latest[key] = generation
        self._thread.submit(
            lambda: self._segmenter.preview(target, prompts, frame, self._wanted(key, generation)),
            done=lambda result: self._on_answer(key, generation, result),
            failed=lambda error: self._on_failed(key, generation, error),
        )

    def drop(self, plane: Plane, frame: int) -> None:
        """Do not wait any more for this frame."""
        self._latest.pop((plane, frame), None)

    def drop_all(self) -> None:
        """Do not wait any more for anything."""
        self._latest.clear()

    def _wanted(self, key: tuple[Plane, int], generation: int) -> Callable[[], bool]:
        return lambda: self._latest.get(key) == generation

    def _on_answer(self, key: tuple[Plane, int], generation: int, result: object) -> None:
        if self._latest.get(key) == generation:
            del self._latest[key]
            self.arrived.emit(*key, result)

    def _on_failed(self, key: tuple[Plane, int], generation: int, error: BaseException) -> None:
        if self._latest.get(key) == generation:
            del self._latest[key]
            self.failed.emit(error)
