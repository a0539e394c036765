"""How a session saw its image, as a tracker takes it: the contrast, and channels from the files that they are in."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_sam2.session.folder_format import ChannelEntry, ContrastEntry, ImageEntry
from napari_sam2.session.replay import named_axes, place_of, session_image
from napari_sam2.session.stack_sources import open_source
from napari_sam2.session.stacks import Stack, StackError, View, open_stack
from napari_sam2.session.tables import unpacked
from napari_sam2.tracking.channels import Channel
from napari_sam2.tracking.contrast import Contrast


@dataclass(frozen=True)
class Recalled:
    """How an image was seen.

    Attributes:
        contrast: of the image alone, or of the picture that is composed of the channels.
        channels: the lowest first; none: the image alone.
        ends: see `TrackerOptions.ends`.
    """

    contrast: Contrast
    channels: tuple[Channel, ...] = ()
    ends: bool | None = None


def recall(session: Path, stack: Any, view: View | None, files: ExitStack) -> Recalled | None:
    """How the image of a session was seen; None for a prompts file.

    Args:
        session: the folder, or a prompts file.
        stack: the image, as `arrange` gives it or (frames, y, x[, rgb]).
        view: how it was made of its file; others are seen alike.
        files: keeps the files of other images open.

    Raises:
        PromptsError: the session is damaged. StackError: an image that was seen together with it is not to be had.
    """
    image = session_image(session)
    if image is None or image.contrast is None:
        return None
    if image.composed is None:
        return Recalled(_contrast(image.contrast), ends=image.ends)
    entries = image.composed.channels
    if image.composed.kind == "axis":
        stacks: Sequence[Any] = stack.channels if isinstance(stack, Stack) else ()
        if len(stacks) != len(entries):
            raise StackError(
                f"{session}: the model saw {len(entries)} channels in colours, the stack has {len(stacks) or 'none'}; "
                "show them with --channels, or in Python with View(channels=True)"
            )
    else:
        own = stack.array if isinstance(stack, Stack) else stack
        where = (session.parent, Path(image.path).parent)
        stacks = [own if entry.own else _opened(entry, image, where, view, files) for entry in entries]
    channels = tuple(
        Channel(part, unpacked(entry.table), _contrast(entry.contrast), entry.opacity, entry.blending)
        for part, entry in zip(stacks, entries, strict=True)
    )
    return Recalled(Contrast.between(0, 1, invert=image.contrast.invert), channels, image.ends)


def _contrast(entry: ContrastEntry) -> Contrast:
    return Contrast(**entry.model_dump())


def _opened(entry: ChannelEntry, image: ImageEntry, where: Sequence[Path], view: View | None, files: ExitStack) -> Any:
    """(frames, y, x) of an image that was seen together with the one of the session, from its file."""
    known = Path(entry.path)
    for path in [known, *(folder / known.name for folder in where)] if entry.path else []:
        if not path.exists():
            continue
        seen = view or View()
        level = image.level if seen.level is None else seen.level
        array, found = files.enter_context(open_source(path, level))
        letters = named_axes(array, seen.axes or found, image)
        place = None if letters is None else place_of(array, letters, image.shape, entry.fingerprint)
        if place is not None:
            index = {**seen.index, **place}
            return files.enter_context(
                open_stack(path, view=replace(seen, axes=letters, index=index, level=level))
            ).array
    raise StackError(
        f"the model saw {entry.name} together with {image.name}; it is not in {entry.path or 'any file'}. Put the file "
        "beside the session, say how the stack is to be seen (--contrast), or give prompts.json of the session"
    )
