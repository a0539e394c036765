"""What the user is told when something went wrong, and what to do next. Pure functions, no Qt."""

import logging

from napari.utils import notifications

_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """The user has stopped it."""


def explain(error: BaseException, doing: str, *, writing: bool = False) -> str:
    """One message for the user: what happened and what to do.

    Args:
        error: what ended the work.
        doing: what was being done, such as "loading micro".
        writing: whether files were written, not read.
    """
    if isinstance(error, Cancelled):
        return f"Cancelled {doing}."
    if _is_out_of_memory(error):
        return (
            f"There was not enough memory for {doing}. Your prompts and finished frames are kept. "
            "Choose the model micro or the device cpu, or close other programs, then try again."
        )
    if isinstance(error, ValueError) and type(error).__module__.startswith("napari_sam2."):
        text = str(error)
        # Names of models stay as they are written.
        return text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text
    if isinstance(error, OSError) and writing:
        return (
            f"A file could not be written while {doing}: {error.strerror or error}. Your prompts and masks are still "
            "here. Save the session in another folder, or free space."
        )
    if isinstance(error, OSError):
        return (
            f"A file could not be read while {doing}: {error.strerror or error}. Your prompts and masks are kept. "
            "Check that the image file is still there, then try again."
        )
    _log.error("while %s", doing, exc_info=error)
    return (
        f"Unexpected error while {doing}: {type(error).__name__}: {error}. Your prompts and masks are kept. "
        "Try again; if it stays, please report it with what the terminal shows."
    )


def _is_out_of_memory(error: BaseException) -> bool:
    # Torch's own class is not imported for this; its allocator for the CPU raises a plain RuntimeError.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "allocate memory" in str(error))
    )


def tell(level: str, text: str) -> None:
    """Show a notification in napari: "info", "warning" or "error"."""
    {"info": notifications.show_info, "warning": notifications.show_warning, "error": notifications.show_error}[level](
        text
    )
