"""The user's own files of weights that were used last."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_sam2.weights.notes import read_note, write_note

_NOTE = "recent-checkpoints"
_KEPT = 8


@dataclass(frozen=True)
class RecentCheckpoint:
    """A file of weights that was loaded, and the variant that it turned out to be."""

    path: str
    variant: str

    @property
    def file(self) -> Path:
        """Where it is, or was."""
        return Path(self.path)


def recent_checkpoints() -> list[RecentCheckpoint]:
    """Those that are still there, the last one first."""
    noted = read_note(_NOTE)
    found = [_entry(item) for item in noted] if isinstance(noted, list) else []
    return [entry for entry in found if entry is not None and entry.file.is_file()]


def remember_checkpoint(path: str | Path, variant: str) -> None:
    """Note that a file was loaded."""
    entry = RecentCheckpoint(str(Path(path).expanduser().absolute()), variant)
    others = [known for known in recent_checkpoints() if known.path != entry.path]
    write_note(_NOTE, [asdict(known) for known in [entry, *others][:_KEPT]])


def forget_checkpoint(path: str | Path) -> None:
    """Take a file from the list; the file itself stays."""
    write_note(_NOTE, [asdict(known) for known in recent_checkpoints() if known.path != str(path)])


def _entry(item: Any) -> RecentCheckpoint | None:
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("path", "variant")):
        return None
    return RecentCheckpoint(item["path"], item["variant"])
