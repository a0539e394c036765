"""Any stack in: every type of number, kind of array, order of axes, and what is to be seen of it. Bundled model."""

import json
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

import napari_sam2
from napari_sam2.api import segment_stack
from napari_sam2.cli import main
from napari_sam2.sam2 import Sam2
from napari_sam2.session.prompts import ObjectPrompts, Prompt, PromptsError, read_prompts, write_prompts
from napari_sam2.session.stacks import StackError, View, open_stack
from napari_sam2.tracking import Contrast, TrackerOptions, TrackingError

SIDE = 56
PLACE = (20.0, 24.0)


def discs(frames: int = 2) -> np.ndarray:
    """(frames, y, x) float: a disc of radius 9 on a noisy ground, 0 to 100."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    noise = np.random.default_rng(0).normal(10, 2, (frames, SIDE, SIDE))
    inside = [(rows - PLACE[0] - t) ** 2 + (columns - PLACE[1]) ** 2 < 81 for t in range(frames)]
    return (noise + 80 * np.array(inside)).clip(0, 100)


def click(frame: int = 0, part: int = 0, place: tuple[float, float] = PLACE) -> list[ObjectPrompts]:
    return [ObjectPrompts(1, "disc", [Prompt(frame, (place,), (1,), slice=part)])]


def box() -> list[ObjectPrompts]:
    """Around the disc of frame 0: quicker than a click, whose meaning is looked for at all sizes."""
    y, x = PLACE
    return [ObjectPrompts(1, "disc", [Prompt(0, box=(y - 9, x - 9, y + 9, x + 9))])]


@pytest.fixture(scope="module")
def micro() -> Sam2:
    model: Sam2 = napari_sam2.load_model("micro", device="cpu")
    return model


def found(labels: np.ndarray, wanted: np.ndarray) -> float:
    """IoU of the disc."""
    return float(((labels > 0) & wanted).sum() / ((labels > 0) | wanted).sum())


def with_holes(array: np.ndarray) -> np.ndarray:
    array[0, :3, :3] = np.nan
    array[0, 3, 3], array[1, 4, 4] = np.inf, -np.inf
    return array


NUMBERS = {
    **{
        name: lambda a, name=name: a.astype(name)
        for name in ("int8", "uint8", "int16", "uint16", "int32", "uint64", "float16", "float32", "float64", ">u2")
    },
    "bool": lambda a: a > 50,
    "negative": lambda a: (a * 300 - 32000).astype(np.int16),
    "far from zero": lambda a: a.astype(np.int64) + 2**40,
    "not finite": lambda a: with_holes(a.astype(np.float32)),
    "a constant frame": lambda a: np.concatenate([a, np.full((1, SIDE, SIDE), 7.0)]),
    "tiny range": lambda a: a * 1e-9 + 1e-6,
    "huge": lambda a: a * 1e35,
}  # fmt: skip


@pytest.mark.parametrize("numbers", NUMBERS)
def test_every_kind_of_number(numbers: str, micro: Sam2) -> None:
    labels = segment_stack(NUMBERS[numbers](discs()), box(), micro)
    for frame in range(2):
        assert found(labels[frame], discs()[frame] > 50) > 0.7
    assert not labels[2:].any(), "nothing is found in a frame that shows nothing"


def in_tiff(array: np.ndarray, folder: Path) -> Any:
    tifffile.imwrite(folder / "a.tif", array, photometric="minisblack")
    return tifffile.memmap(folder / "a.tif", mode="r")


def in_zarr(version: int) -> Any:
    def make(array: np.ndarray, folder: Path) -> Any:
        stored = zarr.create_array(
            folder / "a.zarr", shape=array.shape, chunks=(1, 20, 20), dtype=array.dtype, zarr_format=version
        )
        stored[:] = array
        return zarr.open_array(folder / "a.zarr", mode="r")

    return make


ARRAYS = {
    "dask": lambda a, _: da.from_array(a, chunks=(2, 20, 30)),
    "zarr v2": in_zarr(2),
    "zarr v3": in_zarr(3),
    "TIFF memory map": in_tiff,
    "Fortran order": lambda a, _: np.asfortranarray(a),
    "turned round": lambda a, _: a[:, ::-1].copy()[:, ::-1],
    "read only": lambda a, _: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_every_kind_of_array_gives_the_same(kind: str, micro: Sam2, tmp_path: Path) -> None:
    stack = (discs() * 100).astype(np.uint16)
    expected = segment_stack(stack, box(), micro)
    np.testing.assert_array_equal(segment_stack(ARRAYS[kind](stack, tmp_path), box(), micro), expected)
    assert expected.any()


REFUSED = {
    "no frames": (np.zeros((0, 8, 8)), "empty"),
    "no rows": (np.zeros((3, 0, 8)), "empty"),
    "complex": (np.zeros((3, 8, 8), complex), "complex128"),
    "words": (np.array([[["a"]]]), "<U1"),
    "times": (np.zeros((3, 8, 8), "datetime64[s]"), "datetime64"),
    "records": (np.zeros((3, 8, 8), [("a", "u1")]), "whole or real"),
    "one axis": (np.zeros(5), r"\(5,\)"),
    "six axes": (np.zeros((1, 1, 1, 1, 8, 8)), "choose a slice"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_stack_is_refused_in_a_line(what: str, micro: Sam2) -> None:
    array, words = REFUSED[what]
    with pytest.raises(ValueError, match=words) as caught:
        segment_stack(array, click(place=(2, 2)), micro)
    assert type(caught.value) in (TrackingError, StackError)
    assert "\n" not in str(caught.value)


def test_a_single_image(micro: Sam2) -> None:
    image = discs(1)[0]
    labels = segment_stack(image, click(), micro)
    assert labels.shape == image.shape
    assert found(labels, image > 50) > 0.7
    colour = (np.repeat(image[..., None], 4, -1) * 2).astype(np.uint8)
    labels = segment_stack(colour, click(), micro, view=View("YXS"))
    assert labels.shape == (1, SIDE, SIDE)
    assert found(labels[0], image > 50) > 0.7


def test_axes_in_any_order_give_labels_in_the_order_tzyx(micro: Sam2) -> None:
    stack = discs(3)
    expected = segment_stack(stack, click(1), micro)
    np.testing.assert_array_equal(segment_stack(stack.transpose(2, 1, 0), click(1), micro, view=View("XYT")), expected)
    channels = np.stack([stack * 0, stack], axis=1)
    for index in ({"C": 1}, {"c": 1}):
        found = segment_stack(channels, click(1), micro, view=View("TCYX", index))
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(StackError, match="more axes than a stack of frames"):
        segment_stack(channels, click(1), micro, view=View("TZYX"))


def volume() -> np.ndarray:
    """(z, y, x): a ball of radius 12 pixels in y and x, in slices that are 4 pixels apart."""
    z, y, x = np.mgrid[:12, :SIDE, :SIDE]
    noise = np.random.default_rng(0).normal(300, 30, z.shape)
    return (noise + 900 * (((z - 5.5) * 4) ** 2 + (y - 28) ** 2 + (x - 28) ** 2 < 144)).astype(np.uint16)


@pytest.mark.parametrize("along", ["Z", "Y"])
def test_a_volume_is_followed_along_any_axis(along: str, micro: Sam2) -> None:
    stack, middle = volume(), {"Z": 5, "Y": 28, "X": 28}
    place = tuple(float(middle[letter]) for letter in "ZYX" if letter != along)
    view = View("ZYX", along=along, pixel_size={"Z": 4.0, "Y": 1.0, "X": 1.0})
    labels = segment_stack(stack, click(middle[along], place=place), micro, view=view)  # type: ignore[arg-type]
    assert labels.shape == stack.shape
    # Where the ball is; micro does not always see where it ends.
    there = np.moveaxis(stack > 750, "ZYX".index(along), 0)
    shown = there.any(axis=(1, 2))
    assert found(np.moveaxis(labels, "ZYX".index(along), 0)[shown], there[shown]) > 0.75


def test_a_volume_per_time_point(micro: Sam2, tmp_path: Path) -> None:
    small = volume()[3:9:2]
    stack = np.stack([small, small[:, ::-1, :]])
    prompts = click(1, 1, (27.0, 28.0))
    labels = segment_stack(stack, prompts, micro, view=View("TZYX", sweep="Z"))
    assert labels.shape == stack.shape
    assert found(labels, stack > 750) > 0.7
    np.save(tmp_path / "stack.npy", stack.transpose(1, 0, 2, 3))
    write_prompts(tmp_path / "p.json", prompts)
    assert read_prompts(tmp_path / "p.json") == prompts
    command = (
        f"segment {tmp_path}/stack.npy --axes ZTYX --sweep Z --prompts {tmp_path}/p.json --output {tmp_path}/l.tif"
    )
    assert main(command.split()) == 0
    with tifffile.TiffFile(tmp_path / "l.tif") as file:
        assert file.series[0].axes == "TZYX"
        np.testing.assert_array_equal(file.asarray(), labels)
    with pytest.raises(PromptsError, match=r"objects\[0\].prompts\[0\].slice: got 3, expected 0 to 2"):
        segment_stack(stack, click(0, 3), micro, view=View("TZYX", sweep="Z"))
    with pytest.raises(PromptsError, match="only a swept axis has slices"):
        segment_stack(stack, click(0, 1), micro, view=View("TZYX", {"Z": 0}))


def test_channels_in_colours(micro: Sam2, tmp_path: Path) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    left = (rows - 28) ** 2 + (columns - 20) ** 2 < 81
    right = (rows - 28) ** 2 + (columns - 34) ** 2 < 81
    stack = np.stack([left * 900, right * 4000])[None] + np.random.default_rng(0).normal(300, 20, (1, 2, SIDE, SIDE))
    both = segment_stack(
        stack, [ObjectPrompts(1, "", [Prompt(0, box=(15, 7, 41, 47))])], micro, view=View("TCYX", channels=True)
    )
    assert found(both[0], left | right) > 0.7
    one = segment_stack(stack, click(place=(28, 40)), micro, view=View("TCYX", channels=True), colours=["", "green"])
    assert found(one[0], right) > 0.7
    with pytest.raises(TrackingError, match="3 colours for 2 channels"):
        segment_stack(stack, click(), micro, view=View("TCYX", channels=True), colours=["red", "green", "blue"])
    np.save(tmp_path / "s.npy", stack)
    write_prompts(tmp_path / "p.json", click(place=(28, 40)))
    files = f"{tmp_path}/s.npy --prompts {tmp_path}/p.json --output {tmp_path}/l.tif"
    assert main(["segment", *files.split(), "--axes", "TCYX", "--channels", "none,green"]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "l.tif").reshape(one.shape), one)
    assert main(["segment", *files.split(), "--axes", "TCYX", "--channel", "1"]) == 0
    alone = segment_stack(stack[:, 1], click(place=(28, 40)), micro)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "l.tif").reshape(alone.shape), alone)


def test_dark_objects_of_a_stack_that_bleaches(micro: Sam2) -> None:
    dark = (100 - discs(3)) * np.array([1, 0.3, 0.1])[:, None, None]
    options = TrackerOptions(contrast=Contrast("frame", gamma=0.8, invert=True))
    labels = segment_stack(dark, click(), micro, options=options)
    assert min(found(labels[t], discs(3)[t] > 50) for t in range(3)) > 0.7


def run(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        status: Any = main(command)
    except SystemExit as caught:
        status = caught.code
    assert status == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--along", "C"], "there is no axis C to follow objects along; the axes are T 2, Y 56, X 56"),
        (["--sweep", "Z"], "there is no axis Z to sweep"),
        (["--channels", "red"], "there is no axis C to make colours of"),
        (["--channels", "puce"], "got the colour 'puce', expected one of gray, red"),
        (["--pixel-size", "Z:1"], "expected sizes of Z, Y and X"),
        (["--contrast", "bright"], "expected two numbers"),
        (["--contrast", "9,3"], "expected two finite numbers, the lower first"),
        (["--gamma", "0"], "got gamma 0.0, expected a number from"),
    ],
)
def test_mistakes_on_the_command_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "s.npy", discs())
    write_prompts(tmp_path / "p.json", click())
    files = f"{tmp_path}/s.npy --axes TYX --prompts {tmp_path}/p.json --output {tmp_path}/l.tif"
    assert message in run(["segment", *files.split(), *arguments], capsys)
    assert not (tmp_path / "l.tif").exists()


def test_pixel_sizes_come_from_the_file(tmp_path: Path) -> None:
    stack = volume()
    sizes = {"PhysicalSizeZ": 2.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
    tifffile.imwrite(tmp_path / "o.ome.tif", stack, photometric="minisblack", metadata={"axes": "ZYX", **sizes})
    tifffile.imwrite(
        tmp_path / "i.tif", stack, imagej=True, resolution=(2.0, 2.0), metadata={"axes": "ZYX", "spacing": 2.0}
    )
    group = zarr.create_group(tmp_path / "z.zarr")
    group.create_array("0", shape=stack.shape, dtype=stack.dtype)[:] = stack
    scale = [{"type": "scale", "scale": [2.0, 0.5, 0.5]}]
    axes = [{"name": name, "unit": "micrometer"} for name in "zyx"]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs.update({"ome": {"multiscales": [image]}})
    for name in ("o.ome.tif", "i.tif", "z.zarr"):
        with open_stack(tmp_path / name, view=View(along="Y")) as seen:
            assert seen.aspect == pytest.approx(4), name
            assert seen.array.shape == (SIDE, 12, SIDE)
        with open_stack(tmp_path / name) as seen:
            assert seen.aspect == pytest.approx(1), name
    with open_stack(tmp_path / "o.ome.tif", view=View(along="Y", pixel_size={})) as seen:
        assert seen.aspect == 1


def test_a_level_of_a_file_with_several_resolutions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = (discs() * 100).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "p.ome.tif") as writer:
        writer.write(fine, subifds=1, photometric="minisblack", metadata={"axes": "TYX"})
        writer.write(fine[:, ::2, ::2], subfiletype=1, photometric="minisblack")
    group = zarr.create_group(tmp_path / "p.zarr")
    for name, array in (("0", fine), ("1", fine[:, ::2, ::2])):
        group.create_array(name, shape=array.shape, dtype=array.dtype)[:] = array
    image = {"axes": [{"name": name} for name in "tyx"], "datasets": [{"path": "0"}, {"path": "1"}]}
    group.attrs.update({"ome": {"multiscales": [image]}})
    np.save(tmp_path / "p.npy", fine)
    for name in ("p.ome.tif", "p.zarr"):
        with open_stack(tmp_path / name, view=View(level=1)) as seen:
            np.testing.assert_array_equal(np.asarray(seen.array[1]), fine[1, ::2, ::2])
            assert seen.letters == "TYX"
        with (
            pytest.raises(StackError, match=r"no level 2; the levels are 0 \(finest\) to 1"),
            open_stack(tmp_path / name, view=View(level=2)),
        ):
            pass
    for memory, level in ((2**30, 0), (fine[0].size * 8, 1)):
        monkeypatch.setattr("napari_sam2.session.stack_sources.FRAME_MEMORY", memory)
        for name in ("p.ome.tif", "p.zarr"):
            with open_stack(tmp_path / name) as seen:
                assert (seen.level, seen.array.shape[1]) == (level, SIDE // (level + 1)), (
                    "the finest that memory allows"
                )
    write_prompts(tmp_path / "q.json", click(place=(10, 12)))
    files = f"{tmp_path}/p.zarr --prompts {tmp_path}/q.json --output {tmp_path}/l.tif"
    assert main(["segment", *files.split()]) == 0
    assert "resolution 1, 28 x 28 pixels; --level 0 takes the finest" in capsys.readouterr().err
    assert tifffile.imread(tmp_path / "l.tif").shape == (2, 28, 28)
    with pytest.raises(StackError, match="no level 1"), open_stack(tmp_path / "p.npy", view=View("TYX", level=1)):
        pass


def test_a_slice_is_a_whole_number(tmp_path: Path) -> None:
    entry = {"frame": 0, "slice": -1, "points": [[1, 1]], "labels": [1]}
    document = {"format": "napari-sam2/prompts", "version": 1, "objects": [{"id": 1, "prompts": [entry]}]}
    (tmp_path / "p.json").write_text(json.dumps(document))
    with pytest.raises(PromptsError, match=r"prompts\[0\].slice: got -1, expected 0 or more"):
        read_prompts(tmp_path / "p.json")
