"""Label stacks on disk."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.export.labels import write_labels


@pytest.mark.parametrize(
    ("largest", "dtype"), [(0, np.uint16), (65_535, np.uint16), (65_536, np.uint32), (2**32 - 1, np.uint32)]
)
@pytest.mark.parametrize("frames", [1, 3])
def test_pixels_shape_axes_and_type(tmp_path: Path, largest: int, dtype: type, frames: int) -> None:
    labels = np.zeros((frames, 6, 7), np.uint32)
    labels[-1, 2, 3:5] = largest
    write_labels(tmp_path / "new" / "labels.tif", labels, frame_axis="Z")
    with tifffile.TiffFile(tmp_path / "new" / "labels.tif") as tiff:
        assert tiff.series[0].axes == "ZYX"
        assert tiff.series[0].dtype == dtype
        np.testing.assert_array_equal(tiff.asarray(), labels)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["labels.tif"]


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    write_labels(path, np.ones((2, 4, 4), np.uint16))
    before = path.read_bytes()

    class Breaks:
        shape = (2, 4, 4)
        reads = 0

        def __getitem__(self, frame: int) -> np.ndarray:
            self.reads += 1
            if self.reads > 5:  # the third pass, while the file is written
                raise OSError("disk on fire")
            return np.full((4, 4), 2, np.uint16)

    with pytest.raises(OSError, match="disk on fire"):
        write_labels(path, Breaks())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_labels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shape \(4, 4\), expected \(frames, y, x\)"):
        write_labels(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="the label -3"):
        write_labels(tmp_path / "a.tif", np.full((1, 4, 4), -3))
    assert list(tmp_path.iterdir()) == []
