"""Saving while somebody works, on a thread of its own, so that a crash loses nothing.

Each session has a folder of the same format as one that the user saves. A lock on a file in it says that its writer is
alive; the operating system takes it away when the program is killed.
"""

import atexit
import datetime
import json
import logging
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from filelock import FileLock, Timeout
from platformdirs import user_data_dir

from napari_sam2.session.folder import SESSION, SessionFolder, Snapshot, rewrite
from napari_sam2.session.folder_format import parse
from napari_sam2.session.masks import Index
from napari_sam2.session.places import Plane

_log = logging.getLogger(__name__)

_IN_USE = "in-use.lock"
_RESTS, _LONGEST_REST = 4.0, 2.0
"""After writing all but the pixels, the next such write waits so many times as long as it took, at most so many
seconds: with tens of thousands of entries it would keep Python from the viewer all the time."""
_AGAIN = 5.0
"""Seconds until what could not be written is tried again: a full disk may be tidied, a network folder may come back."""
_PATIENCE = 0.5
"""Seconds for which closing waits for what is left to be written. It nearly always takes less; on a slow disk, the
viewer must not stand still for longer."""
_KEPT = 20
_KEPT_DAYS = 30


@dataclass(frozen=True)
class Unfinished:
    """A session whose writer did not come to an orderly end, or (`closed`) one that was not saved elsewhere."""

    folder: Path
    image: str
    saved: str
    objects: int
    closed: bool


def sessions_folder(chosen: str = "") -> Path:
    """Where sessions are kept while somebody works: as chosen, or NAPARI_SAM2_SESSIONS, or the user's data folder."""
    return Path(chosen or os.environ.get("NAPARI_SAM2_SESSIONS") or Path(user_data_dir("napari-sam2")) / "sessions")


def new_folder(root: Path, image_name: str) -> Path:
    """A name for a new session, which says what it is of."""
    name = re.sub(r"[^\w.-]+", "-", image_name).strip("-.")[:40] or "session"
    return root / f"{name}-{datetime.datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"


def found(root: Path) -> Iterator[Unfinished]:
    """The sessions in a folder that nobody is working on, the latest first."""
    folders = [file.parent for file in root.glob(f"*/{SESSION}")]
    for folder in sorted(folders, key=lambda folder: (folder / SESSION).stat().st_mtime, reverse=True):
        if in_use(folder):
            continue
        try:
            entries = parse(json.loads((folder / SESSION).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            _log.warning("%s: %s", folder, error)
            continue
        if entries.prompts or entries.done:
            yield Unfinished(folder, entries.image.name, entries.saved, len(entries.objects), entries.closed)


def in_use(folder: Path) -> bool:
    """Whether a program that is alive writes into a session."""
    try:
        with FileLock(folder / _IN_USE, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def tidy(root: Path) -> None:
    """Remove sessions that were closed long ago, and all but the latest ones. Those that were not closed stay."""
    closed = [session for session in found(root) if session.closed]
    oldest = datetime.datetime.now().timestamp() - _KEPT_DAYS * 86400
    for number, session in enumerate(closed):
        if number >= _KEPT or (session.folder / SESSION).stat().st_mtime < oldest:
            shutil.rmtree(session.folder, ignore_errors=True)


class Autosave:
    """Writes what is told to be different, as soon as it can, and at most every so many seconds.

    Frames are read when they are written, so nothing is copied and nothing piles up.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, ...],
        dtype: Any,
        index: Index,
        read: Callable[[Plane, int], npt.NDArray[Any]],
        failed: Callable[[BaseException], None],
        seconds: float = 0.0,
    ) -> None:
        """
        Args:
            folder: of the session; made with the first write.
            shape, dtype, index: of the labels, and where a frame lies in them.
            read: the (y, x) labels of a frame, called on the thread that writes.
            failed: called on that thread, once, when something cannot be written. It goes on trying; nothing that the
                disk or the memory had no room for is left out later.
            seconds: time between two writes; 0 writes at once.
        """
        self.folder = folder
        self._shape, self._dtype, self._index, self._read = shape, dtype, index, read
        self._failed = failed
        self._seconds = seconds
        self._frames: dict[tuple[Plane, int], None] = {}
        self._state: Snapshot | None = None
        self._state_due = 0.0
        self._wake = threading.Condition()
        self._busy = self._closing = self._complained = self._stuck = False
        self._writer: SessionFolder | None = None
        self._lock = FileLock(folder / _IN_USE, timeout=0, thread_local=False)
        self._thread = threading.Thread(target=self._work, name="napari-sam2-autosave", daemon=True)
        self._thread.start()

    def frame(self, plane: Plane, frame: int) -> None:
        """The labels of a frame are different."""
        with self._wake:
            self._frames[plane, frame] = None
            self._wake.notify_all()

    def state(self, now: Snapshot) -> None:
        """All else is different; of several the latest is written."""
        with self._wake:
            self._state = now
            self._wake.notify_all()

    def flush(self, seconds: float = 30.0) -> bool:
        """Wait until all is written, or the latest attempt has failed. Returns whether all is written."""

        def rests() -> bool:
            return not self._busy and (self._stuck or not (self._frames or self._state))

        with self._wake:
            return self._wake.wait_for(rests, seconds) and not self._stuck

    def close(self, last: Snapshot | None = None) -> bool:
        """Write what is left, and let go of the folder.

        Returns:
            whether that is done. If it takes longer than a moment, it goes on, and Python does not end before.
            Frames are read until then; see `finish`.
        """
        with self._wake:
            if last is not None and (self._writer is not None or self._frames or self._state):
                self._state = last
            self._closing = True
            self._wake.notify_all()
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self._finish_before_exit()
        return not self._thread.is_alive()

    def finish(self) -> None:
        """Wait until what was left at closing is written. It may be long: not on the main thread."""
        self._thread.join()

    def _finish_before_exit(self) -> None:
        # The threads with which zarr writes end before what is registered by atexit is called.
        register = getattr(threading, "_register_atexit", atexit.register)
        try:
            register(self._finish_at_exit)
        except RuntimeError:  # Python is ending already
            self._finish_at_exit()

    def _finish_at_exit(self) -> None:
        if self._thread.is_alive():
            _log.warning("The session is still being written into %s; waiting for that.", self.folder)
            self.finish()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wait()
                if not (self._frames or self._state):
                    break
                last = self._closing
                frames, self._frames = list(self._frames), {}
                state = None
                if last or time.monotonic() >= self._state_due:
                    state, self._state = self._state, None
                self._busy = True
            stuck = False
            try:
                self._write(frames, state)
            except (OSError, ValueError, LookupError, RuntimeError, TypeError, MemoryError) as error:
                self._complain(error)
                # Other errors would come again, and keep everything else from being written.
                stuck = isinstance(error, OSError | MemoryError)
            with self._wake:
                self._busy, self._stuck = False, stuck
                if stuck and not last:
                    self._frames = dict.fromkeys([*frames, *self._frames])
                    self._state = self._state or state
                self._wake.notify_all()
                rest = max(self._seconds, _AGAIN if stuck else 0.0)
                if rest and not self._closing:
                    self._wake.wait_for(lambda: self._closing, rest)
        self._lock.release(force=True)

    def _wait(self) -> None:
        """Until there is something to write now. Called with the lock."""
        while not (self._frames or self._closing or (self._state and time.monotonic() >= self._state_due)):
            self._wake.wait(max(0.001, self._state_due - time.monotonic()) if self._state else None)

    def _write(self, frames: list[tuple[Plane, int]], state: Snapshot | None) -> None:
        if self._writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._writer = SessionFolder(self.folder, self._shape, self._dtype, self._index)
        for plane, frame in frames:
            self._writer.write_frame(plane, frame, self._read(plane, frame))
        # Frames first: what the entries call finished is there.
        if state is not None:
            start = time.monotonic()
            self._writer.write(state)
            self._state_due = time.monotonic() + min(_RESTS * (time.monotonic() - start), _LONGEST_REST)

    def _complain(self, error: BaseException) -> None:
        _log.warning("autosave in %s: %s", self.folder, error)
        if not self._complained:
            self._complained = True
            self._failed(error)


def mark_closed(folder: Path) -> None:
    """Do not offer a session any more as one that ended in the middle. Raises SessionError, OSError."""
    rewrite(folder, lambda entries: entries.model_copy(update={"closed": True}))
