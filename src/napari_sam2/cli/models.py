"""`napari-sam2 models`: which there are, which are here, and whether they are whole."""

import argparse
from typing import Any

from napari_sam2.cli.progress import ProgressLine
from napari_sam2.cli.status import DONE


def load(model: str, device: str) -> Any:
    """A network by name or file, with a line of progress while it is downloaded."""
    from napari_sam2.weights.load import load_model

    return load_model(model, device=device, progress=ProgressLine(scale=1e6, unit="MB"))


def show(_: argparse.Namespace) -> int:
    """List all models."""
    from napari_sam2.weights.download import cache_folder, cached_file
    from napari_sam2.weights.registry import BUNDLED, PUBLISHED

    print(f"{'name':24} {'size':>9}  {'licence':14} where")
    print(f"{BUNDLED:24} {'':>9}  {'BSD-3-Clause':14} bundled")
    for model in PUBLISHED.values():
        file = cached_file(model)
        size = file.stat().st_size if file.is_file() else model.size
        amount = f"{size / 1e6:.0f} MB" if size else ""
        print(f"{model.name:24} {amount:>9}  {model.licence:14} {'downloaded' if file.is_file() else 'not downloaded'}")
    print(f"cache folder: {cache_folder()}")
    return DONE


def download(options: argparse.Namespace) -> int:
    """Fetch a model and say where it is."""
    from napari_sam2.weights.download import fetch

    file = fetch(options.name, progress=ProgressLine(scale=1e6, unit="MB"))
    ProgressLine.clear()
    print(file)
    return DONE


def verify(options: argparse.Namespace) -> int:
    """Check the file of a model."""
    from napari_sam2.weights.download import cached_file, is_intact
    from napari_sam2.weights.registry import BUNDLED, published

    if options.name == BUNDLED:
        load(BUNDLED, "cpu")
        print(f"{BUNDLED}: ok (bundled, loads)")
        return DONE
    model = published(options.name)
    file = cached_file(model)
    if not file.is_file():
        raise ValueError(f"{model.name} is not here ({file}); get it with napari-sam2 models download {model.name}")
    if not is_intact(file, model):
        raise ValueError(f"{file} is not the published file; get it with napari-sam2 models download {model.name}")
    print(f"{model.name}: ok ({file})")
    return DONE
