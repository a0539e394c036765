"""Libraries that only some formats need; they come with the extra `formats`."""

import importlib
from typing import Any

from napari_sam2.export.errors import ExportError


def need(module: str, package: str, what: str) -> Any:
    """Import a library. Raises ExportError that says how to get it.

    Args:
        module: name for import.
        package: name for pip.
        what: the format that needs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExportError(
            f'{what} needs the library {package}; install it with pip install "napari-sam2[formats]"'
        ) from error
