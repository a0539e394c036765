"""`napari-sam2 export` as scripts see it."""

from pathlib import Path
from typing import Any

import geff
import numpy as np
import pandas
import pytest
import tifffile
import zarr
from pycocotools.coco import COCO

from napari_sam2.cli import main
from napari_sam2.export.formats import FORMATS


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((4, 30, 40), np.uint16)
    labels[:, 5:10, 5:12] = 1
    labels[[0, 1, 3], 20:25, 20:26] = 2
    return labels


@pytest.fixture
def file(tmp_path: Path, labels: np.ndarray) -> Path:
    path = tmp_path / "labels.ome.tif"
    about = {"axes": "TYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5}
    about |= {"PhysicalSizeYUnit": "µm", "TimeIncrement": 2.0, "TimeIncrementUnit": "min"}
    tifffile.imwrite(path, labels, ome=True, metadata=about, photometric="minisblack")
    return path


def mistake(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The one line on standard error."""
    try:
        status: Any = main(["export", *(str(item) for item in arguments)])
    except SystemExit as caught:
        status = caught.code
    assert status == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if " steps" not in line]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    target = tmp_path / "new" / f"out{FORMATS[name].suffix}"
    assert main(["export", str(file), "--format", name, "--output", str(target), "--split"]) == 0
    assert capsys.readouterr().out == f"4 frames: {target}\n"
    assert target.is_dir() == FORMATS[name].folder
    assert [item.name for item in target.parent.iterdir()] == [target.name]


def test_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in FORMATS)


def test_sizes_and_intensities(file: Path, tmp_path: Path, labels: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "cells.tif", labels * 100, photometric="minisblack")
    target = tmp_path / "a.csv"
    arguments = ["export", str(file), "--format", "csv", "--output", str(target), "--image", f"{tmp_path}/cells.tif"]
    assert main(arguments) == 0
    table = pandas.read_csv(target)
    assert table["area_µm2"].tolist()[:2] == [35 * 0.25, 30 * 0.25]
    assert table["time_min"].tolist()[-1] == 6
    assert table["intensity_mean_cells"].tolist()[:2] == [100, 200]
    assert main([*arguments, "--pixel-size", "200 nm", "--frame-step", "1.5s"]) == 0
    table = pandas.read_csv(target)
    assert table["centroid_y_nm"][0] == 7 * 200
    assert table["time_s"].tolist()[-1] == 4.5


def test_channels_and_resolution_of_the_image(file: Path, tmp_path: Path, labels: np.ndarray, capsys: Any) -> None:
    both = np.stack([labels * 100, labels * 7 + 1], axis=1)
    fine = both.repeat(2, axis=-1).repeat(2, axis=-2)
    group = zarr.create_group(tmp_path / "cells.zarr")
    for name, array in (("0", fine), ("1", both)):
        group.create_array(name, shape=array.shape, dtype=array.dtype)[:] = array
    axes = [{"name": name} for name in "tcyx"]
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}]}
    target = tmp_path / "a.csv"
    arguments = ["export", str(file), "--format", "csv", "--output", str(target), "--image", f"{tmp_path}/cells.zarr"]
    assert main(arguments) == 0
    table = pandas.read_csv(target)
    assert table["intensity_mean_cells 0"].tolist() == [100 * item for item in table["object"]]
    assert table["intensity_mean_cells 1"].tolist() == [7 * item + 1 for item in table["object"]]
    assert main([*arguments, "--channel", "1"]) == 0
    assert [name for name in pandas.read_csv(target) if "mean" in name] == ["intensity_mean_cells 1"]
    capsys.readouterr()
    assert "has the channels 0 to 1" in mistake(capsys, *arguments[1:], "--channel", "2")


def test_formats_of_lineage_say_where_there_is_none(file: Path, tmp_path: Path, capsys: Any) -> None:
    for name, said in (("geff", True), ("csv", False)):
        assert main(["export", str(file), "--format", name, "--output", f"{tmp_path}/a.{name}"]) == 0
        assert ("says nothing of divisions" in capsys.readouterr().err) is said


def test_from_folder_to_folder(file: Path, tmp_path: Path) -> None:
    ctc, graph = tmp_path / "RES", tmp_path / "tracks.geff"
    assert main(["export", str(file), "--format", "ctc", "--output", str(ctc), "--split"]) == 0
    assert main(["export", str(ctc), "--format", "geff", "--output", str(graph)]) == 0
    tracks, _ = geff.read(graph)
    assert sorted(label for _, label in tracks.nodes(data="label")) == [1, 1, 1, 1, 2, 2, 3]
    zarr = tmp_path / "labels.zarr"
    assert main(["export", str(ctc), "--format", "ome-zarr", "--output", str(zarr)]) == 0
    assert main(["export", str(zarr), "--format", "coco", "--output", f"{tmp_path}/coco.json"]) == 0
    assert len(COCO(tmp_path / "coco.json").anns) == 7


def test_volumes_and_slices(tmp_path: Path) -> None:
    labels = np.zeros((2, 3, 8, 9), np.uint16)
    labels[:, 1:, 2:4, 2:4] = 5
    np.save(tmp_path / "v.npy", labels.transpose(1, 0, 2, 3))
    arguments = ["export", f"{tmp_path}/v.npy", "--axes", "ZTYX", "--format", "ome-tiff"]
    assert main([*arguments, "--output", f"{tmp_path}/v.ome.tif"]) == 0
    with tifffile.TiffFile(tmp_path / "v.ome.tif") as tiff:
        assert tiff.series[0].axes == "TZYX"
        np.testing.assert_array_equal(tiff.asarray(), labels)
    np.save(tmp_path / "z.npy", labels[0])
    arguments = ["export", f"{tmp_path}/z.npy", "--axes", "ZYX", "--frame-step", "2um", "--pixel-size", "1um"]
    assert main([*arguments, "--format", "csv", "--output", f"{tmp_path}/z.csv"]) == 0
    assert pandas.read_csv(tmp_path / "z.csv")["z_µm"].tolist() == [2, 4]


def test_mistakes(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    ctc = (file, "--format", "ctc", "--output", out)
    assert "object 2 is absent in between; split such objects into tracks" in (said := mistake(capsys, *ctc))
    assert said.endswith("(--split)")
    assert "there is no format 'mp4'; there are ome-tiff" in mistake(capsys, file, "--format", "mp4", "--output", out)
    assert "slices (axis Z)" in mistake(capsys, *ctc, "--axes", "ZYX")
    assert "axes TZYX name 4 axes" in mistake(capsys, *ctc, "--axes", "TZYX")
    assert "expected a number above 0" in mistake(capsys, *ctc, "--pixel-size=-1um")
    assert "'parsec' is no unit of length" in mistake(capsys, *ctc, "--pixel-size", "1parsec")
    assert "'um' is no unit of time; give for example 30s" in mistake(capsys, *ctc, "--frame-step", "1um")
    assert "there is no such file" in mistake(capsys, "gone.tif", *ctc[1:])
    np.save(tmp_path / "float.npy", np.ones((3, 4, 4)))
    assert "type float64, expected whole numbers" in mistake(capsys, tmp_path / "float.npy", *ctc[1:])
    tifffile.imwrite(tmp_path / "cells.tif", np.zeros((5, 30, 40), np.uint8), photometric="minisblack")
    assert "the labels have (4, 30, 40)" in mistake(capsys, *ctc, "--image", tmp_path / "cells.tif")
    assert not out.exists()
    movie = (file, "--format", "movie-tiff", "--output")
    tifffile.imwrite(tmp_path / "cells.tif", np.zeros((4, 30, 40), np.uint8), photometric="minisblack")
    before = (tmp_path / "cells.tif").read_bytes(), file.read_bytes()
    for target in (tmp_path / "cells.tif", file):
        said = mistake(capsys, *movie, target, "--image", tmp_path / "cells.tif")
        assert "is what is being exported or its image; give another name" in said
    assert before == ((tmp_path / "cells.tif").read_bytes(), file.read_bytes())


def test_a_full_disk_is_said_with_the_name(file: Path, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    target = tmp_path / "out.ome.tif"
    assert mistake(capsys, file, "--format", "ome-tiff", "--output", target) == (
        f"napari-sam2: {target} cannot be written (No space left on device); choose another folder or free space"
    )


def test_one_frame_is_one_frame(tmp_path: Path, capsys: Any) -> None:
    np.save(tmp_path / "single.npy", np.ones((4, 4), np.uint8))
    target = tmp_path / "single.csv"
    assert main(["export", f"{tmp_path}/single.npy", "--format", "csv", "--output", str(target)]) == 0
    assert capsys.readouterr().out == f"1 frame: {target}\n"
