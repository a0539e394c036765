"""One file over HTTP, in as many goes as it takes.

What has arrived stands in a file beside, `NAME.part`, and is asked for no second time: the next go, also that of
another day or from another address, asks for the rest only. The file gets its own name when it is whole and its
sha256 is right.
"""

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from requests import Response, Session

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in all or None). To cancel, raise: the exception comes through; what has arrived
stays for the next time."""

_CHUNK = 1 << 18
_TIMEOUT = (10, 30)  # seconds for a connection, and without a single byte
_PAUSES = (0.5, 2.0, 5.0)  # seconds before the next go; as many goes in a row may bring nothing new
_STEP = 0.1  # seconds between two looks at whether the user has cancelled

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """A file to get: where it will be, its sha256 in hexadecimal, and its size in bytes where that is known."""

    file: Path
    sha256: str
    size: int | None = None

    @property
    def part(self) -> Path:
        """Where the bytes wait that have arrived so far. No loader takes a file of this name for a model."""
        return self.file.with_name(self.file.name + ".part")

    @property
    def arrived(self) -> int:
        """How many bytes have arrived so far."""
        return self.part.stat().st_size if self.part.is_file() else 0


class TransferError(Exception):
    """An address did not give the file; the message is short and says why."""


class _Interrupted(TransferError):
    """It may go on where it stopped."""


def has_sha256(file: Path, sha256: str) -> bool:
    """Whether the content of a file is the expected one."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256


def receive(wanted: Wanted, addresses: Sequence[str], progress: Progress | None = None) -> None:
    """Get a file from the first of several addresses that gives it; its folder must exist.

    Raises:
        TransferError: none did; the message names each address and its reason.
        OSError: the folder cannot be written, or has no room.
    """
    import requests

    report = progress or (lambda done, total: None)
    troubles: dict[str, list[str]] = {}
    with requests.Session() as session:
        for address in addresses:
            try:
                _receive_from(session, address, wanted, report)
                return
            except TransferError as trouble:
                _log.info("%s: %s", address, trouble)
                troubles.setdefault(str(trouble), []).append(urlsplit(address).netloc)
    if len(addresses) == 1:
        raise TransferError(*troubles)
    raise TransferError("; ".join(f"{', '.join(hosts)}: {reason}" for reason, hosts in troubles.items()))


def _receive_from(session: "Session", address: str, wanted: Wanted, report: Progress) -> None:
    """Get the rest of a file from one address, check all of it and give it its name."""
    mixed = wanted.arrived > 0  # with bytes that another go has brought
    while True:
        _bring_all(session, address, wanted, report)
        if has_sha256(wanted.part, wanted.sha256):
            os.replace(wanted.part, wanted.file)
            return
        wanted.part.unlink()
        if not mixed:
            raise TransferError("what arrived is not the published file (its sha256 is wrong), it was thrown away")
        mixed = False


def _bring_all(session: "Session", address: str, wanted: Wanted, report: Progress) -> None:
    """Go on until the server says that nothing is missing."""
    started, vain = False, 0
    while True:
        before = wanted.arrived
        try:
            _bring(session, address, wanted, report)
            return
        except _Interrupted:
            grown = wanted.arrived > before
            started, vain = started or grown, 0 if grown else vain + 1
            # An address that has not answered at all will not do so in five seconds either.
            if not started or vain >= len(_PAUSES):
                raise
        _pause(_PAUSES[vain], wanted, report)


def _pause(seconds: float, wanted: Wanted, report: Progress) -> None:
    for _ in range(round(seconds / _STEP)):
        report(wanted.arrived, wanted.size)
        time.sleep(_STEP)


def _bring(session: "Session", address: str, wanted: Wanted, report: Progress) -> None:
    """Append what is missing to the part, as far as one connection goes."""
    import requests

    done = wanted.arrived
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
    answered = False
    try:
        with session.get(address, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            answered = True
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                return  # all is there, or more than all: the sha256 will tell
            start, total = _extent(answer, done)
            total = total or wanted.size
            _check_room(wanted, total)
            _append(answer, wanted, start, total, report)
    except requests.exceptions.SSLError as error:
        raise TransferError(
            "the certificate was not accepted; REQUESTS_CA_BUNDLE names the file of your organisation's certificates"
        ) from error
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        # A timeout while reading comes as a ConnectionError too.
        raise _Interrupted("the download broke off" if answered else "no connection") from error
    except requests.RequestException as error:
        raise TransferError(f"not to be had ({str(error).splitlines()[0]})") from error
    if total is not None and wanted.arrived < total:
        raise _Interrupted("the download broke off")


def _extent(answer: "Response", done: int) -> tuple[int, int | None]:
    """Where the body of an answer starts in the file, and how large the whole file is, if the server says so."""
    status = answer.status_code
    if status == 429 or status >= 500:
        raise _Interrupted(f"the server answered {status}")
    if status not in (200, 206):
        raise TransferError(f"the server answered {status}")
    if "text/html" in answer.headers.get("Content-Type", ""):
        # Must not wipe out what has arrived: it is the login page of a hotel or the notice of a firewall.
        raise TransferError("a web page came instead of the file; is there a login or a filter in the network?")
    length = answer.headers.get("Content-Length", "")
    whole = int(length) if length.isdecimal() else None
    if status == 200:
        return 0, whole
    place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
    if place is None or int(place[1]) != done:
        raise TransferError("the server gave another part of the file than it was asked for")
    return done, int(place[2]) if place[2] != "*" else None


def _check_room(wanted: Wanted, total: int | None) -> None:
    if total is None:
        return
    needed = total - wanted.arrived  # what is overwritten makes room too
    free = shutil.disk_usage(wanted.file.parent).free
    if needed > free:
        raise OSError(f"{needed / 1e6:.0f} MB more are needed, {free / 1e6:.0f} MB are free")


def _append(answer: Any, wanted: Wanted, start: int, total: int | None, report: Progress) -> None:
    with wanted.part.open("ab") as stream:
        stream.truncate(start)
        done = start
        if start:
            report(done, total)
        for chunk in answer.iter_content(_CHUNK):
            stream.write(chunk)
            done += len(chunk)
            # What the caller does may end here; nothing that has arrived is to be lost with it.
            stream.flush()
            report(min(done, total) if total else done, total)


def forget(wanted: Wanted) -> None:
    """Throw away what has arrived so far."""
    with suppress(FileNotFoundError):
        wanted.part.unlink()
