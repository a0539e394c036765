"""Where a published model can be had: mirrors of one's own first, then Meta's server, then Hugging Face."""

import os
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from napari_sam2.weights.errors import DownloadError
from napari_sam2.weights.registry import META, PublishedModel

MIRROR_VARIABLE = "NAPARI_SAM2_MIRROR"
OFFLINE_VARIABLE = "NAPARI_SAM2_OFFLINE"
_HUGGING_FACE_VARIABLE = "HF_ENDPOINT"  # what Hugging Face's own tools read


def split_mirrors(text: str) -> tuple[str, ...]:
    """The addresses of mirrors in a text, parted by commas or blanks."""
    return tuple(entry for entry in re.split(r"[,\s]+", text) if entry)


def is_offline() -> bool:
    """Whether the user has forbidden downloads by NAPARI_SAM2_OFFLINE."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")


def addresses(model: PublishedModel, mirrors: Iterable[str] = ()) -> tuple[str, ...]:
    """Addresses of the file of a model, in the order in which they are tried.

    Args:
        model: what is wanted.
        mirrors: addresses of folders that hold the files under their published names, tried after those of the
            variable NAPARI_SAM2_MIRROR.

    Raises:
        DownloadError: a mirror is no http or https address.
    """
    folders = [*split_mirrors(os.environ.get(MIRROR_VARIABLE, "")), *mirrors]
    for folder in folders:
        if urlsplit(folder).scheme not in ("http", "https") or not urlsplit(folder).netloc:
            raise DownloadError(
                f"the mirror {folder!r} is no address of a folder; expected one such as https://example.org/sam2, "
                f"in {MIRROR_VARIABLE} or Preferences"
            )
    found = [f"{folder.rstrip('/')}/{model.filename}" for folder in folders]
    found.append(model.url)
    if model.url.startswith(META):
        # Meta has put the same files there; the sha256 makes sure of it.
        hub = os.environ.get(_HUGGING_FACE_VARIABLE, "").rstrip("/") or "https://huggingface.co"
        found.append(f"{hub}/facebook/{model.name.replace('_', '-')}/resolve/main/{model.filename}")
    return tuple(dict.fromkeys(found))
