"""`napari-sam2 models`: which there are, which are here, and whether they are whole."""

import argparse
from typing import Any

from napari_sam2.cli.progress import ProgressLine
from napari_sam2.cli.status import DONE


def load(model: str, device: str) -> Any:
    """A network by name or file, with a line of progress while it is downloaded."""
    from napari_sam2.weights.load import load_model

    return load_model(model, device=device, progress=ProgressLine(scale=1e6, unit="MB"))


def show(options: argparse.Namespace) -> int:
    """List all models."""
    from napari_sam2.weights.costs import estimate, known_rate
    from napari_sam2.weights.download import arrived_bytes, cache_folder, cached_file
    from napari_sam2.weights.recent import recent_checkpoints
    from napari_sam2.weights.registry import BUNDLED, PUBLISHED

    rate = known_rate()

    def row(name: str, size: str, licence: str, where: str) -> str:
        expected = estimate(name, rate) if rate is not None else None
        # Expected seconds per frame, where this computer has been measured.
        time = expected.text if expected is not None else "time per frame here"
        speed = f"  {time:30}" if rate is not None else ""
        return f"{name:24} {size:>13}  {licence:13}{speed}  {where}"

    print(row("name", "size", "licence", "where"))
    print(row(BUNDLED, "", "BSD-3-Clause", "bundled"))
    for model in PUBLISHED.values():
        file = cached_file(model, options.folder)
        size = file.stat().st_size if file.is_file() else None
        amount = f"{size / 1e6:.0f} MB" if size else f"{'' if model.size else 'about '}{model.about / 1e6:.0f} MB"
        arrived = arrived_bytes(model, options.folder)
        where = "downloaded" if size else f"{arrived / 1e6:.0f} MB downloaded" if arrived else "not downloaded"
        print(row(model.name, amount, model.licence, where))
    for own in recent_checkpoints():
        print(f"{own.path}  ({own.variant})")
    print(f"cache folder: {options.folder or cache_folder()}")
    if rate is None:
        print("expected speed on this computer: napari-sam2 models speed")
    return DONE


def speed(options: argparse.Namespace) -> int:
    """Measure this computer and say what each model would take."""
    from napari_sam2.weights.costs import estimate
    from napari_sam2.weights.registry import names
    from napari_sam2.weights.speed import measured_rate

    rate = measured_rate(options.device, again=True)
    print(f"measured on: {rate.device}; expected for each frame, good to a factor of about 1.5:")
    for name in names():
        expected = estimate(name, rate)
        if expected is not None:
            print(f"{name:24} {expected.text}")
    return DONE


def download(options: argparse.Namespace) -> int:
    """Fetch a model and say where it is."""
    from napari_sam2.weights.download import fetch

    line = ProgressLine(scale=1e6, unit="MB")
    file = fetch(options.name, folder=options.folder, mirrors=options.mirror, progress=line)
    ProgressLine.clear()
    print(file)
    return DONE


def delete(options: argparse.Namespace) -> int:
    """Delete the file of a model."""
    from napari_sam2.weights.download import remove
    from napari_sam2.weights.registry import BUNDLED, published

    if options.name == BUNDLED:
        raise ValueError(f"{BUNDLED} comes with the package and cannot be deleted")
    freed = remove(published(options.name), options.folder)
    print(f"{options.name}: {f'deleted, {freed / 1e6:.0f} MB are free again' if freed else 'is not here'}")
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
    file = cached_file(model, options.folder)
    if not file.is_file():
        raise ValueError(f"{model.name} is not here ({file}); get it with napari-sam2 models download {model.name}")
    if not is_intact(file, model):
        raise ValueError(f"{file} is not the published file; get it with napari-sam2 models download {model.name}")
    print(f"{model.name}: ok ({file})")
    return DONE
