"""What the model manager shows of each model. No Qt."""

from dataclasses import dataclass
from pathlib import Path

from napari_sam2.ui.downloads import Download
from napari_sam2.ui.hints import remaining_text
from napari_sam2.ui.models import model_choices, model_text
from napari_sam2.weights.costs import Rate, estimate
from napari_sam2.weights.download import arrived_bytes, cached_file
from napari_sam2.weights.recent import RecentCheckpoint, recent_checkpoints
from napari_sam2.weights.registry import BUNDLED, PUBLISHED, bundled_file

HEADINGS = ("Model", "Size", "Time per frame", "Licence", "State")


@dataclass(frozen=True)
class Row:
    """One model.

    Attributes:
        model: what it is called in `ModelChoice.model`.
        texts: what stands in the columns, see HEADINGS.
        tip: more about it.
        here: it can be used without a download.
        partial: how many bytes of it an unfinished download has brought.
        own: it is a file of the user's own.
        share: how much of a running download is done, from 0 to 1; None without one, -1 when nobody can tell.
    """

    model: str
    texts: tuple[str, str, str, str, str]
    tip: str
    here: bool
    partial: int = 0
    own: bool = False
    share: float | None = None


def rows(folder: str, rate: Rate | None, downloads: dict[str, Download], in_use: str = "") -> list[Row]:
    """All models, the bundled one first, then the published ones, then the user's own that were used last.

    Args:
        folder: where downloads are kept; "" for the usual cache folder.
        rate: of this computer, None while it is not known.
        downloads: those that have not ended, by model.
        in_use: the model that is in use.
    """
    found = [_bundled(rate)]
    found += [_published(name, folder, rate, downloads.get(name)) for _, name in model_choices() if name != BUNDLED]
    found += [_own(checkpoint, rate) for checkpoint in recent_checkpoints()]
    return [_marked(row) if row.model == in_use else row for row in found]


def _marked(row: Row) -> Row:
    state = "in use" if row.share is None else row.texts[-1]
    return Row(row.model, (*row.texts[:-1], state), row.tip, row.here, row.partial, row.own, row.share)


def _speed(variant: str, rate: Rate | None) -> str:
    expected = estimate(variant, rate) if rate is not None else None
    return expected.text.removeprefix("about ") if expected is not None else ""


def _bundled(rate: Rate | None) -> Row:
    tip = "Comes with the plugin, works offline. Made for cells; looks at a window around each object."
    size = f"{bundled_file().stat().st_size / 1e6:.0f} MB"
    return Row(BUNDLED, (model_text(BUNDLED), size, _speed(BUNDLED, rate), "BSD-3-Clause", "ready"), tip, here=True)


def _published(name: str, folder: str, rate: Rate | None, download: Download | None) -> Row:
    model = PUBLISHED[name]
    file = cached_file(model, folder or None)
    here = file.is_file()
    size = file.stat().st_size if here else model.about
    about = "" if here or model.size else "about "
    partial = 0 if here else arrived_bytes(model, folder or None)
    state, share = "downloaded" if here else "", None
    if download is not None:
        state, share = _running(download)
    elif partial:
        state = f"{partial / 1e6:.0f} MB of it are here"
    tip = f"{model.url}\n{file}" if here else model.url
    texts = (model_text(name), f"{about}{size / 1e6:.0f} MB", _speed(name, rate), model.licence, state)
    return Row(name, texts, tip, here, partial, share=share)


def _running(download: Download) -> tuple[str, float]:
    if download.cancelling:
        return "stopping", -1.0
    if download.amount is None:
        return "waiting", -1.0
    done, total = download.amount
    if not total:
        return f"{done / 1e6:.0f} MB", -1.0
    parts = (f"{done / 1e6:.0f} of {total / 1e6:.0f} MB", remaining_text(download.remaining))
    return ", ".join(part for part in parts if part), done / total


def _own(checkpoint: RecentCheckpoint, rate: Rate | None) -> Row:
    size = checkpoint.file.stat().st_size / 1e6
    texts = (
        Path(checkpoint.path).name,
        f"{size:.0f} MB",
        _speed(checkpoint.variant, rate),
        "your own",
        model_text(checkpoint.variant).removesuffix(" (bundled)"),
    )
    return Row(checkpoint.path, texts, checkpoint.path, here=True, own=True)
