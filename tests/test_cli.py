"""The command line as users and scripts see it: files, exit status, and one line for every mistake."""

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.cli import main
from napari_sam2.cli.interrupt import interruptible
from napari_sam2.cli.progress import ProgressLine
from napari_sam2.weights import registry

BLOB = (28.0, 30.0)


@pytest.fixture
def job(tmp_path: Path) -> list[str]:
    """Arguments of `segment` for a small stack with one bright disc that is clicked in frame 1."""
    rows, columns = np.mgrid[:64, :72]
    random = np.random.default_rng(0)
    frames = [
        300 + 2000 * ((rows - BLOB[0] - t) ** 2 + (columns - BLOB[1]) ** 2 < 100) + random.normal(0, 40, rows.shape)
        for t in range(4)
    ]
    tifffile.imwrite(tmp_path / "stack.tif", np.array(frames, np.uint16), photometric="minisblack")
    click(tmp_path / "p.json", frame=1)
    return ["segment", f"{tmp_path}/stack.tif", "--prompts", f"{tmp_path}/p.json", "--output", f"{tmp_path}/labels.tif"]


def click(path: Path, frame: int = 0, point: tuple[float, float] = BLOB, identity: int = 5) -> None:
    prompt = {"frame": frame, "points": [list(point)], "labels": [1]}
    objects = [{"id": identity, "name": "disc", "prompts": [prompt]}]
    path.write_text(json.dumps({"format": "napari-sam2/prompts", "version": 1, "objects": objects}))


def mistake(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """The one line on standard error."""
    try:
        status: Any = main(arguments)
    except SystemExit as caught:
        status = caught.code
    assert status == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def with_option(job: list[str], **options: str) -> list[str]:
    return [*job, *(part for name, value in options.items() for part in (f"--{name}", value))]


def test_segment(job: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(job) == 0
    out, err = capsys.readouterr()
    assert out == f"1 object in 4 frames: {tmp_path}/labels.tif\n"
    assert "left" in err
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.shape == (4, 64, 72)
    assert labels.dtype == np.uint16
    assert set(np.unique(labels)) == {0, 5}
    assert all(frame[28:30, 30].max() == 5 for frame in labels), "the disc is found in every frame"
    assert {file.name for file in tmp_path.iterdir()} == {"stack.tif", "p.json", "labels.tif"}


def test_a_long_run_is_foreseen_in_one_line(job: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = tifffile.imread(tmp_path / "stack.tif")[[0, 1, 2, 3, 2, 1] * 4]
    tifffile.imwrite(tmp_path / "stack.tif", frames, photometric="minisblack")
    assert main(with_option(job, direction="forward")) == 0
    first, *later = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"1 object through 23 frames: about \d+ s and \d+ MB on \w+ in (float32|b?float16)", first)
    assert not any("through" in line for line in later)


def test_directions_and_wide_labels(job: list[str], tmp_path: Path) -> None:
    click(tmp_path / "p.json", frame=1, identity=70_000)
    assert main(with_option(job, direction="forward")) == 0
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.dtype == np.uint32
    assert [bool(frame.any()) for frame in labels] == [False, True, True, True]
    assert main(with_option(job, direction="backward")) == 0
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert [bool(frame.any()) for frame in labels] == [True, True, False, False]


def test_axes_and_planes(job: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = tifffile.imread(tmp_path / "stack.tif")
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([stack * 0, stack], axis=1), photometric="minisblack")
    said = mistake(capsys, with_option(job, axes="TZYX"))
    assert "choose one plane, for example --index Z=0" in said
    assert main(with_option(job, axes="TZYX", index="Z=1")) == 0
    assert (tifffile.imread(tmp_path / "labels.tif")[:, 28, 30] == 5).all()
    capsys.readouterr()
    assert "expected an axis and a number, such as Z=0" in mistake(capsys, with_option(job, index="Z"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompts": "gone.json"}, "gone.json: cannot be read (No such file"),
        ({"output": "labels.png"}, "labels are written as TIFF; give a name that ends in .tif"),
        ({"output": "stack.tif"}, "is the stack itself; give another name"),
        ({"output": "p.json/labels.tif"}, "p.json"),
        ({"axes": "YX"}, "axes YX name 2 axes, but the stack has 3"),
        ({"model": "sam2.1_tiny"}, "there is no model and no file 'sam2.1_tiny'"),
        ({"device": "gpu"}, "there is no device 'gpu'; use auto, cpu, cuda or mps"),
        ({"direction": "up"}, "argument --direction: invalid choice: 'up'"),
        ({"speed": "9"}, "unrecognized arguments: --speed 9; see napari-sam2 --help"),
    ],
)
def test_mistakes(
    job: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: dict[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in mistake(capsys, with_option(job, **options))
    assert {file.name for file in tmp_path.iterdir()} == {"stack.tif", "p.json"}


def test_more_mistakes(job: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the following arguments are required: COMMAND" in mistake(capsys, [])
    assert "--prompts, --output" in mistake(capsys, ["segment", "stack.tif"])
    assert "there is no such file; check the path" in mistake(capsys, ["segment", "gone.tif", *job[2:]])
    click(tmp_path / "p.json", frame=4)
    said = mistake(capsys, job)
    assert f"{tmp_path}/p.json: objects[0].prompts[0]: " in said
    assert "0 to 3" in said
    (tmp_path / "p.json").write_text('{"format": "napari-sam2/prompts", "version": 1, "objects": []}')
    assert "there is no prompt in it" in mistake(capsys, job)
    (tmp_path / "stack.tif").write_bytes((tmp_path / "stack.tif").read_bytes()[:100])
    assert "stack.tif: is damaged" in mistake(capsys, job)
    assert not (tmp_path / "labels.tif").exists()


def test_without_a_network_the_message_says_what_to_do(
    job: list[str], cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "sam2.1_hiera_tiny"
    unreachable = registry.PublishedModel(name, f"http://127.0.0.1:1/{name}.pt", "0" * 64)
    monkeypatch.setitem(registry.PUBLISHED, name, unreachable)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for arguments in (with_option(job, model=name), ["models", "download", name]):
        assert f"copy it to {cache}/{name}.pt" in mistake(capsys, arguments)


def test_trouble_on_the_way_keeps_the_finished_frames(
    job: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import napari_sam2.api as api

    whole = api.segment_stack

    def breaks(*arguments: Any, progress: Any, **options: Any) -> Any:
        def note(step: api.Progress) -> None:
            progress(step)
            if step.done == 2:
                raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

        return whole(*arguments, progress=note, **options)

    monkeypatch.setattr(api, "segment_stack", breaks)
    assert main(with_option(job, direction="forward")) == 2
    assert "out of memory; " in (said := capsys.readouterr().err.splitlines()[-1])
    assert f"the 2 finished frames are in {tmp_path}/labels.tif" in said
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert [bool(frame.any()) for frame in labels] == [False, True, True, False]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_keeps_the_finished_frames(job: list[str], tmp_path: Path) -> None:
    stack = tifffile.imread(tmp_path / "stack.tif")
    tifffile.imwrite(tmp_path / "stack.tif", stack[np.zeros(2000, int)], photometric="minisblack")
    click(tmp_path / "p.json", frame=0)
    command = [sys.executable, "-m", "napari_sam2.cli", *job]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("1 object through 2000 frames: about ")
        assert process.stderr.readline().startswith("1 of 2000 results")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("interrupted; the ")
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.shape == (2000, 64, 72)
    assert labels[0, 28, 30] == 5
    assert not labels[-1].any()


def test_a_swallowed_ctrl_c_is_raised_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as check:
        check()
        with contextlib.suppress(KeyboardInterrupt):  # as Python does in a destructor, after printing it
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before


def test_models(capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    assert main(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in registry.names())
    assert str(cache) in out
    assert main(["models", "verify", "micro"]) == 0
    assert "micro: ok" in capsys.readouterr().out
    name = "sam2.1_hiera_small"
    assert f"get it with napari-sam2 models download {name}" in mistake(capsys, ["models", "verify", name])
    (cache / f"{name}.pt").write_bytes(b"half of it")
    assert "is not the published file" in mistake(capsys, ["models", "verify", name])
    assert "there is no model 'sam3'; there are micro" in mistake(capsys, ["models", "verify", "sam3"])
    assert "nothing to download" in mistake(capsys, ["models", "download", "micro"])


def test_models_over_the_network(
    site: Any, capsys: pytest.CaptureFixture[str], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "sam2_hiera_small"
    digest = hashlib.sha256(site.content).hexdigest()
    model = dataclasses.replace(registry.PUBLISHED[name], url=f"{site.url}/gone/{name}.pt", sha256=digest)
    monkeypatch.setitem(registry.PUBLISHED, name, model)
    assert "the server answered 404" in mistake(capsys, ["models", "download", name])
    (cache / f"{name}.pt.part").write_bytes(site.content[:1_200_000])
    assert main(["models", "list"]) == 0
    assert re.search(rf"{name} .* about 184 MB .* 1 MB downloaded\n", capsys.readouterr().out)
    assert main(["models", "download", name, "--mirror", f"{site.url}/good"]) == 0
    assert capsys.readouterr().out == f"{cache / name}.pt\n"
    assert site.ranges[-1] == "bytes=1200000-"
    assert main(["models", "list"]) == 0
    assert re.search(rf"{name} +2 MB .* downloaded\n", capsys.readouterr().out)
    assert main(["models", "verify", name]) == 0
    assert main(["models", "download", name, "--mirror", f"{site.url}/good", "--folder", str(tmp_path)]) == 0
    assert (tmp_path / f"{name}.pt").is_file()
    capsys.readouterr()
    assert main(["models", "delete", name]) == 0
    assert main(["models", "delete", name]) == 0
    assert capsys.readouterr().out == f"{name}: deleted, 2 MB are free again\n{name}: is not here\n"
    assert list(cache.iterdir()) == []
    assert "cannot be deleted" in mistake(capsys, ["models", "delete", "micro"])
    assert "is no address of a folder" in mistake(capsys, ["models", "download", name, "--mirror", "/mnt"])


def test_the_speed_of_models(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sam2.weights.speed._timed", lambda *_: (1.0, 0.8))
    assert main(["models", "list"]) == 0
    assert "models speed" in capsys.readouterr().out
    assert main(["models", "speed"]) == 0
    assert re.search(r"sam2\.1_hiera_tiny +about 5 s \+ 9 s per object\n", capsys.readouterr().out)
    assert main(["models", "list"]) == 0
    assert re.search(r"sam2\.1_hiera_tiny .* about 5 s \+ 9 s per object +not downloaded", capsys.readouterr().out)
    assert "no device 'gpu'" in mistake(capsys, ["models", "speed", "--device", "gpu"])


def test_demo_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam2.demo.simulated.FRAMES", 3)
    assert main(["demo", "--offline", "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "imulated nuclei" in said
    for name in ("labels.tif", "overlay.png", "table.csv", "prompts.json", "stack.tif"):
        assert (tmp_path / "out" / name).stat().st_size > 0
        assert str(tmp_path / "out" / name) in said
    with (tmp_path / "out" / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["object"] for row in rows if row["frame"] == "0"}) >= 10, "nearly every click finds its nucleus"
    labels = tifffile.imread(tmp_path / "out" / "labels.tif")
    assert labels.shape == (3, 300, 300)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_line(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    times = iter(range(0, 1000, 3))
    line = ProgressLine(unit="frames", clock=lambda: next(times))
    for done in range(1, 101):
        line(done, 100)
    ProgressLine.clear()
    said = stream.getvalue()
    assert "1 of 100 frames, about 4 min 57 s left" in said
    assert "100 of 100 frames, about 0 s left" in said
    assert ("50 of 100" in said) == terminal
    assert said.count("\n") == (0 if terminal else 26)
    assert not said.rstrip("\r").rsplit("\r", 1)[-1].strip() or not terminal, "the line is cleared"
