"""All formats by name, and the one way to write any of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from napari_sam2.export.errors import ExportError
from napari_sam2.export.folders import check_target
from napari_sam2.export.measure import Measurements, measure
from napari_sam2.export.results import ExportOptions, Progress, Results, silent

Writer = Callable[[Path, Results, Measurements, ExportOptions, Progress], list[Path]]


@dataclass(frozen=True)
class Format:
    """A format that results can be written in.

    Attributes:
        name: on the command line.
        title: in menus.
        suffix: that the name of a file or folder gets; "" for folders with any name.
        suffixes: others that will do too.
        folder: whether it is a folder.
        hint: what reads it, in a few words.
        writer: "module:function" in this package; imported when it is used.
        intensities: whether the image is measured for it.
        volumes: whether it holds volumes over time.
    """

    name: str
    title: str
    suffix: str
    writer: str
    hint: str
    suffixes: tuple[str, ...] = ()
    folder: bool = False
    intensities: bool = False
    volumes: bool = False

    def accepts(self, path: Path) -> bool:
        """Whether a file name ends as it should."""
        return not self.suffix or path.name.lower().endswith((self.suffix, *self.suffixes))


FORMATS = {
    item.name: item
    for item in (
        Format(
            "ome-tiff",
            "OME-TIFF",
            ".ome.tif",
            "ome_tiff:write_ome_tiff",
            "Fiji, QuPath, Python",
            (".ome.tiff", ".tif", ".tiff"),
            volumes=True,
        ),
        Format(
            "ome-zarr",
            "OME-Zarr labels",
            ".ome.zarr",
            "ome_zarr:write_ome_zarr",
            "large data, napari, Fiji",
            (".zarr",),
            True,
            volumes=True,
        ),
        Format("csv", "Table (CSV)", ".csv", "table:write_csv", "Excel, R, pandas", intensities=True, volumes=True),
        Format(
            "ctc",
            "Cell Tracking Challenge",
            "",
            "ctc:write_ctc",
            "tracking tools and benchmarks",
            folder=True,
            volumes=True,
        ),
        Format(
            "geff", "GEFF tracks", ".geff", "geff:write_geff", "Mastodon, TrackMate, Python", folder=True, volumes=True
        ),
        Format("imagej", "ImageJ ROIs", ".zip", "imagej_rois:write_rois", "the ROI manager of ImageJ and Fiji"),
        Format("coco", "COCO", ".json", "coco:write_coco", "training of networks"),
        Format("sav", "SA-V masklets", ".json", "masklets:write_masklets", "training of SAM 2"),
        Format("gif", "Movie (GIF)", ".gif", "movie:write_gif", "slides and web pages"),
        Format("movie-tiff", "Movie (TIFF)", ".tif", "movie:write_tiff", "Fiji, full colours", (".tiff",)),
    )
}


def format_named(name: str) -> Format:
    """A format by its name. Raises ExportError that lists the names."""
    if name not in FORMATS:
        raise ExportError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def export_results(
    path: Path,
    results: Results,
    name: str,
    options: ExportOptions | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write results; returns what was written, the file or folder.

    Every label is looked at once before anything is written, and what the format cannot hold is refused then.

    Args:
        path: the file or folder to write or replace; a folder with other things in it is not replaced.
        results: labels and what is known of them.
        name: of the format, see FORMATS.
        options: choices of the user.
        progress: told how far it is; what it raises ends the export and nothing is written.

    Raises:
        ExportError: what cannot be written, and what can be done; also where the target is a file of `results.sources`.
        OSError: the target cannot be written; what was there before stays.
    """
    item = format_named(name)
    if not item.accepts(path):
        raise ExportError(f"{path}: {item.title} is written to a name that ends in {item.suffix}; give such a name")
    if not item.folder and path.is_dir():
        raise ExportError(f"{path}: is a folder; give the name of a file")
    check_target(path, results.sources)
    module, function = item.writer.split(":")
    write: Writer = getattr(import_module(f"napari_sam2.export.{module}"), function)
    # Two passes over the labels, of equal weight to the user.
    total = 2 * results.count
    measured = measure(results, partial(_shifted, progress, 0, total), intensities=item.intensities)
    try:
        written = write(
            path, results, measured, options or ExportOptions(), partial(_shifted, progress, results.count, total)
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{path} cannot be written ({reason}); choose another folder or free space") from error
    progress(total, total)
    return written


def _shifted(progress: Progress, start: int, total: int, done: int, of: int) -> None:
    progress(start + done, total)
