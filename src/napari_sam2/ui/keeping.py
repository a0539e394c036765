"""Saving what is worked on while it is, and bringing sessions back. The main thread never waits for a file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image
from psygnal import Signal

from napari_sam2.session.autosave import (
    Autosave,
    Unfinished,
    found,
    mark_closed,
    new_folder,
    sessions_folder,
    tidy,
)
from napari_sam2.session.document import Plane
from napari_sam2.session.folder import Saved, SessionError, Snapshot, open_folder, save_folder, snapshot
from napari_sam2.ui.geometry import mark_of, pixels_of
from napari_sam2.ui.inference import InferenceThread
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import explain
from napari_sam2.ui.seeing import Seen, see_again
from napari_sam2.ui.workspace import Workspace
from napari_sam2.wording import counted

SCORES_SECONDS = 0.5
"""How long figures that change with every frame may wait; pixels and prompts do not wait."""


@dataclass(frozen=True)
class Keep:
    """How sessions are kept.

    Attributes:
        folder: where; "" for the usual one.
        seconds: time between two writes, 0 for at once; below 0: not at all.
    """

    folder: str = ""
    seconds: float = 0.0


class Keeper:
    """Keeps one workspace saved in a folder of its own."""

    def __init__(
        self, work: Workspace, folder: Path, loop: Loop, seconds: float, failed: Callable[[str], None]
    ) -> None:
        self.work = work
        self.model = ""
        self._loop = loop
        self._waiting = False
        self._known: dict[Image, tuple[Any, str]] = {}
        self._masks: Any = None
        self._axes = work.axes
        self.saver = Autosave(
            folder,
            work.axes.shape,
            work.layers[0].data.dtype,
            # What waits to be written may be of axes that count frames no more.
            lambda place, frame: place[0].index(place[1], frame),
            lambda place, frame: np.asarray(work.layers[0].data[place[0].index(place[1], frame)]),
            lambda error: loop.post(partial(failed, explain(error, "saving the session", writing=True))),
            seconds,
        )
        document = work.document
        self._signals = (
            document.prompts_changed,
            document.objects_changed,
            document.locks_changed,
            document.history_changed,
        )
        for signal in self._signals:
            signal.connect(self._on_said)
        document.scores.changed.connect(self._on_scores)
        work.begun.connect(self._on_begun)
        work.looked.connect(self._on_said)
        work.objects.painted.connect(self._on_painted)
        self._on_begun()

    def everything(self) -> None:
        """All is to be written, for a session that comes from elsewhere."""
        masks = self.work.objects.masks
        for plane in masks.planes:
            for frame in range(masks.frames):
                self._on_frame(plane, frame)
        self._write()

    def now(self, *, closed: bool = False) -> Snapshot:
        """The document as it is."""
        seen = Seen.of(self.work)
        return snapshot(self.work.document, lambda: seen.entry(self.fingerprint), self.model, closed=closed)

    def close(self) -> None:
        """Write what is left. The session stays where it is, as one that was closed."""
        document = self.work.document
        for signal in self._signals:
            signal.disconnect(self._on_said)
        document.scores.changed.disconnect(self._on_scores)
        self.work.begun.disconnect(self._on_begun)
        self.work.looked.disconnect(self._on_said)
        self.work.objects.painted.disconnect(self._on_painted)
        self._masks.changed.disconnect(self._on_frame)
        self.saver.close(self.now(closed=True))

    def fingerprint(self, image: Image) -> str:
        """Of the pixels of an image; called on the thread that writes."""
        data = pixels_of(image)
        known = self._known.get(image)
        if known is None or known[0] is not data:
            known = self._known[image] = (data, mark_of(image))
        return known[1]

    def _on_begun(self) -> None:
        """The labels are looked at along another axis now."""
        if self._masks is not None:
            self._masks.changed.disconnect(self._on_frame)
        self._masks, self._axes = self.work.objects.masks, self.work.axes
        self._masks.changed.connect(self._on_frame)

    def _on_frame(self, plane: Plane, frame: int) -> None:
        self.saver.frame((self._axes, plane), frame)  # type: ignore[arg-type]

    def _on_painted(self, through_frames: bool) -> None:
        plane, frame = self.work.visible()
        for other in range(self.work.axes.frames) if through_frames else [frame]:
            self._on_frame(plane, other)

    def _on_said(self, *args: Any) -> None:
        self._waiting = True
        self._loop.post(self._write_if_waiting)

    def _on_scores(self, *args: Any) -> None:
        if not self._waiting:
            self._waiting = True
            self._loop.later(SCORES_SECONDS, self._write_if_waiting)

    def _write_if_waiting(self) -> None:
        if self._waiting:
            self._write()

    def _write(self) -> None:
        self._waiting = False
        # An image that was only looked at is no session.
        if self.work.document.has_prompts() or self.work.document.history.undo_text:
            self.saver.state(self.now())


class Keeping:
    """Keeps every workspace saved, saves and opens sessions, and finds those that did not come to an end.

    Events:
        changed(): there are other sessions to reopen, or saving has begun or ended.
        told(level, text): something to say to the user.
        opened((workspace, saved)): a session was put into a workspace.
    """

    changed = Signal()
    told = Signal(str, str)
    opened = Signal(tuple)

    def __init__(self, thread: InferenceThread, loop: Loop, keep: Keep) -> None:
        self._thread = thread
        self._loop = loop
        self._keep = keep
        self._root = sessions_folder(keep.folder)
        self._keepers: dict[Workspace, Keeper] = {}
        self.unfinished: tuple[Unfinished, ...] = ()
        self.recent: tuple[Unfinished, ...] = ()
        self.busy = ""

    def look(self) -> None:
        """Find the sessions that are there. Those that did not come to an end are `unfinished`."""
        self._thread.submit(self._found, done=self._on_found, failed=lambda error: None)

    def follow(self, work: Workspace, folder: Path | None = None) -> None:
        """Keep a workspace saved from now on, in this folder or in a new one."""
        if self._keep.seconds < 0 or work in self._keepers:
            return
        place = folder or new_folder(self._root, work.image.name)
        self._keepers[work] = Keeper(work, place, self._loop, self._keep.seconds, partial(self.told.emit, "error"))

    def unfollow(self, work: Workspace) -> None:
        """Write what is left of a workspace."""
        keeper = self._keepers.pop(work, None)
        if keeper is not None:
            keeper.close()

    def uses(self, work: Workspace, model: str) -> None:
        """A workspace is segmented with this model."""
        if work in self._keepers:
            self._keepers[work].model = model

    def close(self) -> None:
        """Write what is left of everything."""
        for work in list(self._keepers):
            self.unfollow(work)

    def dismiss(self) -> None:
        """Do not offer the latest unfinished session any more; it can be reopened from the menu."""
        if self.unfinished:
            first, *rest = self.unfinished
            self.unfinished = tuple(rest)
            self.recent = (first, *self.recent)
            self._thread.submit(
                partial(mark_closed, first.folder),
                done=lambda _: None,
                failed=partial(self._on_failed, "putting the session away", writing=True),
            )
        self.changed.emit()

    def save(self, work: Workspace, path: Path, model: str) -> None:
        """Write a workspace into a folder; says when it is done."""
        masks = work.objects.masks
        keeper = self._keepers.get(work)
        mark = keeper.fingerprint if keeper is not None else mark_of
        seen, axes = Seen.of(work), work.axes
        now = snapshot(work.document, lambda: seen.entry(mark), model)

        def frames() -> Iterator[tuple[Plane, int, Any]]:
            return (
                (plane, frame, masks.frame(plane, frame)) for plane in masks.planes for frame in range(masks.frames)
            )

        self._begin("Saving the session")
        self._thread.submit(
            lambda: save_folder(path, now, frames(), axes.shape, masks.array.dtype, axes.index),
            done=lambda _: self._done("info", f"The session is saved in {path}."),
            failed=partial(self._on_failed, f"saving the session in {path}", writing=True),
        )

    def read(self, path: Path, done: Callable[[Saved], None]) -> None:
        """Read a session folder, then call `done` with what it holds."""
        self._begin("Opening the session")
        self._thread.submit(
            partial(open_folder, path), done=done, failed=partial(self._on_failed, f"opening the session {path}")
        )

    def same_pixels(self, saved: Saved, image: Image, done: Callable[[bool], None]) -> None:
        """Find out whether an image is the one that a session was made on, then call `done`."""
        self._thread.submit(
            partial(mark_of, image, saved.image.level),
            done=lambda mark: done(saved.image.fingerprint in ("", mark)),
            failed=partial(self._on_failed, f"reading {image.name}"),
        )

    def fill(self, work: Workspace, saved: Saved) -> None:
        """Put a session into a workspace. What the workspace held before stays in the folder where it was kept."""
        largest = max(saved.objects)
        if largest > work.objects.masks.largest_id:
            self._done(
                "error", f"The labels hold ids up to {work.objects.masks.largest_id}, the session has {largest}."
            )
            return
        before = self._keepers.get(work)
        self.unfollow(work)
        work.clear(saved.image.frame_axis, saved.image.swept_axis)
        array = work.objects.masks.array
        self._thread.submit(
            partial(_copy, saved.masks, array, before),
            done=lambda _: self._on_filled(work, saved),
            failed=lambda error: (work.filled(), self._on_failed(f"reading the masks of {saved.folder}", error)),
        )

    def stop(self) -> None:
        """Opening was given up."""
        self._done("", "")

    def _on_filled(self, work: Workspace, saved: Saved) -> None:
        work.filled()
        missing = see_again(work, saved.image)
        saved.fill(work.document)
        _cover(work, saved)
        own = saved.folder.parent == self._root
        self.follow(work, saved.folder if own else None)
        if work in self._keepers:
            self._keepers[work].model = saved.model
            if not own:
                self._keepers[work].everything()
        self.unfinished = tuple(other for other in self.unfinished if other.folder != saved.folder)
        self.recent = tuple(other for other in self.recent if other.folder != saved.folder)
        self.opened.emit((work, saved))
        if missing:
            self.told.emit(
                "warning",
                f"The model saw {', '.join(missing)} together with {saved.image.name}. Without that, new masks are of "
                "another picture: open it, and then the session again.",
            )
        self._done("info", f"The session of {saved.image.name} is open: {counted(len(saved.objects), 'object')}.")

    def _found(self) -> list[Unfinished]:
        tidy(self._root)
        return list(found(self._root))

    def _on_found(self, sessions: list[Unfinished]) -> None:
        self.unfinished = tuple(session for session in sessions if not session.closed)
        self.recent = tuple(session for session in sessions if session.closed)
        self.changed.emit()

    def _begin(self, what: str) -> None:
        self.busy = what
        self.changed.emit()

    def _done(self, level: str, text: str) -> None:
        self.busy = ""
        if text:
            self.told.emit(level, text)
        self.changed.emit()

    def _on_failed(self, doing: str, error: BaseException, *, writing: bool = False) -> None:
        text = str(error) if isinstance(error, SessionError) else explain(error, doing, writing=writing)
        self._done("error", text)


def _cover(work: Workspace, saved: Saved) -> None:
    """Let masks that came of prompts alone go with the prompts, and corrections bring back what they corrected."""
    for plane, object_id, frame in saved.prompts:
        propagated = frame in work.document.done(object_id, plane)
        if not propagated and not work.document.is_locked(object_id, frame, plane):
            work.document.covers.keep_mask((plane, object_id, frame), saved.seen.get((plane, object_id, frame)))


def _copy(source: Any, array: np.ndarray, before: Keeper | None) -> None:
    """Copy labels part by part, when those that were there before are written."""
    if before is not None:
        before.saver.finish()
    for number in range(source.shape[0]):
        array[number] = source[number]
