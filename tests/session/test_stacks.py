"""Stacks in every format and order of axes arrive as (frames, y, x) with the right pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.session.stacks import StackError, open_stack

FRAMES = np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)
COLOUR = np.random.default_rng(0).integers(0, 255, (5, 7, 9, 3), np.uint8)


def loaded(path: Path, **options: Any) -> tuple[np.ndarray, str]:
    with open_stack(path, **options) as stack:
        frames = [np.array(stack.array[frame]) for frame in range(stack.array.shape[0])]
        assert stack.array.shape == (len(frames), *frames[0].shape)
        assert stack.array.dtype == frames[0].dtype
        return np.stack(frames), stack.frame_axis


def save_tiff(path: Path, array: np.ndarray, **options: Any) -> None:
    tifffile.imwrite(path, array, **{"photometric": "minisblack"} | options)


def save_zarr(path: Path, array: np.ndarray, names: str | None = None) -> None:
    saved = zarr.create_array(path, shape=array.shape, dtype=array.dtype, chunks=array.shape, dimension_names=names)
    saved[:] = array


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"imagej": True}, {"ome": True}])
def test_tiff(tmp_path: Path, options: dict[str, Any]) -> None:
    for axes in ("TYX", "ZYX"):
        save_tiff(tmp_path / "stack.tif", FRAMES, **options, metadata={"axes": axes})
        array, frame_axis = loaded(tmp_path / "stack.tif")
        np.testing.assert_array_equal(array, FRAMES)
        assert frame_axis == axes[0]


def test_tiff_without_axes_in_separate_pages_and_other_byte_order(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "pages.tif", byteorder=">") as writer:
        for frame in FRAMES:
            writer.write(frame, photometric="minisblack", contiguous=False, metadata=None)
    array, frame_axis = loaded(tmp_path / "pages.tif")
    np.testing.assert_array_equal(array, FRAMES)
    assert frame_axis == "T"


def test_uncompressed_tiff_is_not_read_as_a_whole(tmp_path: Path) -> None:
    save_tiff(tmp_path / "stack.tif", FRAMES)
    with open_stack(tmp_path / "stack.tif") as stack:
        assert isinstance(stack.array, np.memmap)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_colour(tmp_path: Path, compression: str | None) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", COLOUR, photometric="rgb", compression=compression)
    np.testing.assert_array_equal(loaded(tmp_path / "rgb.tif")[0], COLOUR)
    with_alpha = np.concatenate([COLOUR, COLOUR[..., :1]], axis=-1)
    np.save(tmp_path / "rgba.npy", with_alpha)
    np.testing.assert_array_equal(loaded(tmp_path / "rgba.npy")[0], COLOUR)
    save_zarr(tmp_path / "rgb.zarr", COLOUR)
    np.testing.assert_array_equal(loaded(tmp_path / "rgb.zarr")[0], COLOUR)


def test_npy_and_one_frame(tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", FRAMES)
    np.testing.assert_array_equal(loaded(tmp_path / "stack.npy")[0], FRAMES)
    np.save(tmp_path / "frame.npy", FRAMES[0])
    np.testing.assert_array_equal(loaded(tmp_path / "frame.npy")[0], FRAMES[:1])


def test_zarr_arrays_and_groups(tmp_path: Path) -> None:
    save_zarr(tmp_path / "plain.zarr", FRAMES)
    np.testing.assert_array_equal(loaded(tmp_path / "plain.zarr")[0], FRAMES)
    save_zarr(tmp_path / "named.zarr", FRAMES.transpose(1, 2, 0), ["y", "x", "z"])
    array, frame_axis = loaded(tmp_path / "named.zarr")
    np.testing.assert_array_equal(array, FRAMES)
    assert frame_axis == "Z"
    group = zarr.create_group(tmp_path / "group.zarr")
    group.create_array("only", shape=FRAMES.shape, dtype=FRAMES.dtype)[:] = FRAMES
    np.testing.assert_array_equal(loaded(tmp_path / "group.zarr")[0], FRAMES)
    group.create_array("second", shape=(3,), dtype="i4")
    with pytest.raises(StackError, match=r"give the path of one array in it \(there are: only, second\)"):
        loaded(tmp_path / "group.zarr")
    np.testing.assert_array_equal(loaded(tmp_path / "group.zarr" / "only")[0], FRAMES)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path: Path, version: str) -> None:
    group = zarr.create_group(tmp_path / "image.zarr", zarr_format=2 if version == "0.4" else 3)
    for name, array in (("0", FRAMES), ("1", FRAMES[:, ::2, ::2])):
        group.create_array(name, shape=(5, 1, *array.shape[1:]), dtype=array.dtype)[:] = array[:, None]
    axes = [{"name": name} for name in "tcyx"]
    multiscales = [{"axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}]
    group.attrs.update({"multiscales": multiscales} if version == "0.4" else {"ome": {"multiscales": multiscales}})
    np.testing.assert_array_equal(loaded(tmp_path / "image.zarr")[0], FRAMES)


@given(order=st.permutations("TZYX"), data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_order_of_axes_and_any_plane(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], data: st.DataObject
) -> None:
    sizes = {"T": 5, "Z": 4, "Y": 7, "X": 9}
    array = np.random.default_rng(0).integers(0, 999, [sizes[letter] for letter in order])
    gone, kept = data.draw(st.permutations("TZ"))
    plane = data.draw(st.integers(0, sizes[gone] - 1))
    path = tmp_path_factory.mktemp("axes") / "stack.npy"
    np.save(path, array)
    expected = array.transpose([order.index(letter) for letter in (gone, kept, "Y", "X")])[plane]
    found, frame_axis = loaded(path, axes="".join(order).lower(), index={gone.lower(): plane})
    np.testing.assert_array_equal(found, expected)
    assert frame_axis == kept


def error_of(path: Path, **options: Any) -> str:
    with pytest.raises(StackError) as caught, open_stack(path, **options):
        pass
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_more_axes_than_a_stack_has(tmp_path: Path) -> None:
    tzyx = np.zeros((3, 2, 7, 9), np.uint8)
    np.save(tmp_path / "a.npy", tzyx)
    assert "the axes of shape (3, 2, 7, 9) are not known; name them" in error_of(tmp_path / "a.npy")
    assert error_of(tmp_path / "a.npy", axes="TZYX") == (
        "has more axes than a stack of frames (T 3, Z 2, Y 7, X 9); choose one plane, for example --index Z=0, "
        "or follow objects through all with --sweep Z"
    )
    assert error_of(tmp_path / "a.npy", axes="CZYX").endswith(
        "for example --index C=0, or show all in colours with --channels magenta,green"
    )
    save_tiff(tmp_path / "c.tif", FRAMES[:2], metadata={"axes": "CYX"})
    assert error_of(tmp_path / "c.tif").endswith(
        "(C 2, Y 7, X 9); choose one plane, for example --index C=0, "
        "or show all in colours with --channels magenta,green"
    )
    np.testing.assert_array_equal(loaded(tmp_path / "c.tif", index={"C": 1})[0], FRAMES[1:2])
    save_tiff(tmp_path / "q.tif", tzyx)
    assert error_of(tmp_path / "q.tif").endswith("for example --axes TZYX --index Z=0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axes": "YX"}, "axes YX name 2 axes, but the stack has 3: (5, 7, 9)"),
        ({"axes": "TTX"}, "axes TTX cannot be used"),
        ({"axes": "TZX"}, "axes TZX cannot be used"),
        ({"index": {"Z": 0}}, "there is no axis Z to choose from; the axes are QYX (5, 7, 9)"),
        ({"axes": "TYX", "index": {"T": 5}}, "index T=5 is outside 0..4"),
        ({"axes": "YXS"}, "has 9 colour samples per pixel, expected 3 (RGB) or 4 (RGBA)"),
    ],
)
def test_choices_that_do_not_fit(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    np.save(tmp_path / "a.npy", FRAMES)
    assert error_of(tmp_path / "a.npy", **options).startswith(message)


def test_files_that_are_no_stacks(tmp_path: Path) -> None:
    assert error_of(tmp_path / "gone.tif") == "there is no such file; check the path"
    (tmp_path / "text.tif").write_text("hello")
    assert error_of(tmp_path / "text.tif").startswith("is damaged or no TIFF, zarr or npy; convert it")
    (tmp_path / "text.npy").write_text("hello")
    assert error_of(tmp_path / "text.npy").startswith("is damaged or no npy file of numbers")
    np.save(tmp_path / "words.npy", np.array([["a", "b"], ["c", "d"]]))
    assert "expected a stack of real numbers" in error_of(tmp_path / "words.npy")
    np.save(tmp_path / "none.npy", FRAMES[:0])
    assert "of shape (0, 7, 9)" in error_of(tmp_path / "none.npy")
    (tmp_path / "folder").mkdir()
    assert error_of(tmp_path / "folder").startswith("is a folder but no zarr")
