"""Small things that are remembered between two runs of the program, one JSON file each, in a folder of the user's own.

Nothing depends on them: what cannot be read counts as not there, and what cannot be written is not remembered.
"""

import json
import logging
import os
from pathlib import Path
from typing import Any

import platformdirs

from napari_sam2.files import written_beside

STATE_VARIABLE = "NAPARI_SAM2_STATE"

_log = logging.getLogger(__name__)


def state_folder() -> Path:
    """Where they are: NAPARI_SAM2_STATE, or the folder that the operating system has for such things."""
    chosen = os.environ.get(STATE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_state_dir("napari-sam2", appauthor=False))


def read_note(name: str) -> Any:
    """What was remembered under a name, None when there is nothing that can be read."""
    try:
        return json.loads((state_folder() / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None


def write_note(name: str, content: Any) -> None:
    """Remember something that JSON can hold."""
    file = state_folder() / f"{name}.json"
    try:
        with written_beside(file) as beside:
            beside.write_text(json.dumps(content, indent=1), "utf-8")
    except OSError as error:
        _log.info("%s is not remembered: %s", file, error)
