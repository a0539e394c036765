"""One stack of each kind through the widget's controller, Python and the command line: equal results. Bundled model."""

import types
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2 import load_model, segment_stack
from napari_sam2.cli import main
from napari_sam2.session.prompts import ObjectPrompts, Prompt, write_prompts
from napari_sam2.session.stacks import View
from napari_sam2.tracking import Contrast, TrackerOptions
from napari_sam2.ui.backend import Sam2Backend

SIDE = 48
LIMITS = (100.0, 1500.0)


def stack(*lead: int, depth_step: float = 4.0) -> np.ndarray:
    """(..., y, x) uint16: a ball in noise; the first axis moves it, the second one is depth."""
    frames = np.random.default_rng(0).normal(300, 30, (*lead, SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for place in np.ndindex(lead):
        away = (place[1] - 1) * depth_step if len(lead) > 1 else 0
        inside = away**2 + (rows - 22 - place[0]) ** 2 + (columns - 24) ** 2 < 100
        frames[place] += 900 * inside
    return frames.astype(np.uint16)


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model("micro", device="cpu")


@pytest.fixture
def real(open_session, monkeypatch, model) -> Callable[..., Any]:
    """Opens a controller with the package's own backend and the model that is loaded already."""
    backend = Sam2Backend()
    monkeypatch.setattr(Sam2Backend, "load", lambda self, choice, progress: model)
    return lambda image, **kwargs: open_session(image, backend=backend, **kwargs)


def swept(session) -> None:
    session.controller.set_frame_axis(0, 1)


def sideways(session) -> None:
    session.controller.set_frame_axis(1)


def other_channel(session) -> None:
    session.viewer.dims.set_current_step(1, 1)


def bleaching(session) -> None:
    session.controller.looking.set_look(contrast="frame", invert=True)
    session.controller.workspace.image.gamma = 0.7


def going_on(session) -> None:
    session.controller.looking.set_look(ends=False)


def two_balls() -> np.ndarray:
    """(z, y, x) uint16: one ball behind the other."""
    frames = np.random.default_rng(0).normal(300, 30, (9, SIDE, SIDE))
    slices, rows, columns = np.mgrid[:9, :SIDE, :SIDE]
    for place, shift in ((1, 0), (7, 3)):
        frames += 900 * (((slices - place) * 4) ** 2 + (rows - 22) ** 2 + (columns - 24 - shift) ** 2 < 100)
    return frames.astype(np.uint16)


Kind = types.SimpleNamespace
KINDS = {
    "time": Kind(array=stack(3), axes="TYX", at=(1, 23, 24), prompt=(1, 0, 23, 24), view={}, words=""),
    "depth": Kind(array=stack(1, 4)[0], axes="ZYX", at=(1, 22, 24), prompt=(1, 0, 22, 24), view={}, words=""),
    "depth, and no end": Kind(
        array=two_balls(), axes="ZYX", at=(1, 22, 24), prompt=(1, 0, 22, 24), view={}, words="--no-ends",
        act=going_on, ends=False,
    ),
    "a single image": Kind(
        array=stack(1)[0], axes="YX", at=(22, 24), prompt=(0, 0, 22, 24), view={}, words="", kept=(None,)
    ),
    "time and depth": Kind(
        array=stack(2, 3), axes="TZYX", at=(0, 1, 22, 24), prompt=(0, 1, 22, 24), view={"sweep": "Z"},
        words="--sweep Z", act=swept,
    ),
    "depth from the side": Kind(
        array=stack(1, 7)[0, :, 16:30], axes="ZYX", at=(1, 6, 24), prompt=(6, 0, 1, 24), scale=(4, 1, 1),
        view={"along": "Y", "pixel_size": {"Z": 4, "Y": 1, "X": 1}}, words="--along Y --pixel-size Z=4,Y=1,X=1",
        act=sideways,
    ),
    "one channel of two": Kind(
        array=np.stack([stack(2) * 0, stack(2)], axis=1), axes="TCYX", at=(0, 1, 22, 24), prompt=(0, 0, 22, 24),
        view={"index": {"C": 1}}, words="--index C=1", act=other_channel, kept=(slice(None), 1),
    ),
    "colour": Kind(
        array=np.repeat((stack(2) // 8).astype(np.uint8)[..., None], 3, -1), axes="TYXS", at=(0, 22, 24),
        prompt=(0, 0, 22, 24), view={}, words="", contrast=Contrast(), contrast_words="auto",
    ),
    "bleaching, inverted": Kind(
        array=(2000 - stack(2)) // np.array([1, 3], np.uint16)[:, None, None], axes="TYX", at=(0, 22, 24),
        prompt=(0, 0, 22, 24), view={}, words="--gamma 0.7 --invert", act=bleaching,
        contrast=Contrast("frame", gamma=0.7, invert=True), contrast_words="frame",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_way_gives_the_same(name, real, model, tmp_path):
    kind = KINDS[name]
    contrast = getattr(kind, "contrast", Contrast.between(*LIMITS))
    rgb = kind.axes.endswith("S")
    session = real(
        kind.array,
        axis_labels=tuple(kind.axes.lower().rstrip("s")),
        scale=getattr(kind, "scale", None),
        rgb=rgb,
        **({} if rgb else {"contrast_limits": LIMITS}),
    )
    if session.viewer.dims.ndim > 2:
        session.viewer.dims.set_current_step(0, 0)
    getattr(kind, "act", lambda session: None)(session)
    session.click(*kind.at)
    session.settle()
    work = session.controller.workspace
    session.propagate(last=work.axes.frames - 1)
    assert session.controller.propagation.done == session.controller.propagation.total
    shown = session.labels[getattr(kind, "kept", ())]

    frame, part, y, x = kind.prompt
    prompts = [ObjectPrompts(1, "ball", [Prompt(frame, ((y, x),), (1,), slice=part)])]
    view = View(kind.axes, **kind.view)
    options = TrackerOptions(contrast=contrast, ends=getattr(kind, "ends", None))
    labels = segment_stack(kind.array, prompts, model, view=view, options=options)
    assert labels.any(axis=(-1, -2)).all() or name == "depth from the side"
    np.testing.assert_array_equal(shown, labels)

    np.save(tmp_path / "stack.npy", kind.array)
    write_prompts(tmp_path / "p.json", prompts)
    words = getattr(kind, "contrast_words", f"{LIMITS[0]},{LIMITS[1]}")
    files = f"{tmp_path}/stack.npy --prompts {tmp_path}/p.json --output {tmp_path}/l.tif --device cpu"
    assert main(["segment", *f"{files} --axes {kind.axes} --contrast {words} {kind.words}".split()]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "l.tif"), labels)

    # The session says by itself how the file is to be seen.
    np.testing.assert_array_equal(replayed(session, tmp_path / "stack.npy"), labels)


def replayed(session, file) -> np.ndarray:
    """The labels that the command line makes of a file with the session that was saved of it."""
    folder, out = file.parent / "kept.sam2", file.parent / "again.tif"
    session.controller.save_session(folder)
    session.loop.until(lambda: not session.controller.keeping.busy)
    assert main(f"segment {file} --prompts {folder} --output {out} --device cpu".split()) == 0
    return tifffile.imread(out)


def dividing() -> np.ndarray:
    """(6, y, x) uint16: a ball, and from frame 3 on another one that came from it."""
    frames = np.random.default_rng(0).normal(300, 30, (6, SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for frame in range(6):
        for row, column, size in ((16, 16, 49),) if frame < 3 else ((15, 15, 42), (34, 34 + frame, 42)):
            frames[frame] += 900 * ((rows - row) ** 2 + (columns - column) ** 2 < size)
    return frames.astype(np.uint16)


def test_a_session_with_a_division_gives_the_same_on_the_command_line(real, tmp_path):
    session = real(dividing(), contrast_limits=LIMITS)
    session.viewer.dims.set_current_step(0, 0)
    session.click(0, 16, 16)
    session.settle()
    session.propagate()
    session.viewer.dims.set_current_step(0, 3)
    assert (session.labels[3, 15, 15], session.labels[3, 34, 37]) == (1, 0)
    session.controller.divide()
    assert session.document.current == 3
    session.click(3, 34, 37)
    session.settle()
    session.propagate()
    on = {item: [frame for frame in range(6) if (session.labels[frame] == item).any()] for item in (1, 2, 3)}
    assert on == {1: [0, 1, 2], 2: [3, 4, 5], 3: [3, 4, 5]}
    np.save(tmp_path / "stack.npy", dividing())
    labels = session.labels.copy()
    np.testing.assert_array_equal(replayed(session, tmp_path / "stack.npy"), labels)

    session.controller.propagate_anew()
    session.settle()
    np.testing.assert_array_equal(session.labels, labels)


def two_channels(tmp_path) -> Any:
    """(t, c, y, x) in a file: a ball in both channels, with noise of its own in each."""
    both = np.stack([stack(2), stack(2)[:, ::-1] // 2 + stack(2)], axis=1)
    file = tmp_path / "both.ome.tif"
    tifffile.imwrite(file, both, ome=True, photometric="minisblack", metadata={"axes": "TCYX"})
    return file


def together(session, file) -> None:
    session.viewer.open(file, channel_axis=1, plugin="napari")
    session.loop.turn()
    lower, upper = session.viewer.layers[0], session.viewer.layers[1]
    session.controller.set_image(upper)
    lower.opacity, upper.gamma, upper.contrast_limits = 0.7, 0.8, (250, 1300)
    session.controller.looking.set_look(channels="visible", invert=True)


def in_colours(session, file) -> None:
    session.viewer.open(file, plugin="napari", axis_labels=("t", "c", "y", "x"))
    session.loop.turn()
    session.controller.looking.set_look(channels="axis")


@pytest.mark.parametrize("look", [together, in_colours])
def test_a_session_of_several_channels_gives_the_same_on_the_command_line(look, real, tmp_path):
    file = two_channels(tmp_path)
    session = real(None)
    look(session, file)
    session.viewer.dims.set_current_step(0, 0)
    session.click(0, *[0] * (session.controller.workspace.image.ndim - 3), 22, 24)
    session.settle()
    session.propagate(last=1)
    labels = session.labels if session.labels.ndim == 3 else session.labels[:, 0]
    assert labels.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(replayed(session, file), labels)


def test_a_session_on_another_resolution_gives_the_same_on_the_command_line(real, tmp_path):
    session = real(None)
    session.viewer.add_image([stack(2), stack(2)[:, ::2, ::2]], multiscale=True, contrast_limits=LIMITS)
    session.loop.turn()
    session.controller.looking.set_level(1)
    session.viewer.dims.set_current_step(0, 0)
    session.click(0, 11, 12)
    session.settle()
    session.propagate(last=1)
    group = zarr.create_group(tmp_path / "p.zarr")
    for name, array in (("0", stack(2)), ("1", stack(2)[:, ::2, ::2])):
        group.create_array(name, shape=array.shape, dtype=array.dtype)[:] = array
    image = {"axes": [{"name": name} for name in "tyx"], "datasets": [{"path": "0"}, {"path": "1"}]}
    group.attrs.update({"ome": {"multiscales": [image]}})
    labels = replayed(session, tmp_path / "p.zarr")
    assert labels.shape == (2, 24, 24)
    assert labels.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(labels, session.labels)


def test_an_image_that_was_seen_with_it_and_is_not_to_be_had_is_named(real, tmp_path, capsys):
    session = real(stack(2))
    session.viewer.add_image(stack(2)[:, ::-1], name="membranes")
    session.controller.looking.set_look(channels="visible")
    session.click(0, 22, 24)
    session.settle()
    np.save(tmp_path / "nuclei.npy", stack(2))
    session.controller.save_session(tmp_path / "kept.sam2")
    session.loop.until(lambda: not session.controller.keeping.busy)
    files = f"{tmp_path}/nuclei.npy --prompts {tmp_path}/kept.sam2 --output {tmp_path}/l.tif"
    assert main(["segment", *files.split()]) == 2
    assert "the model saw membranes together with cells; it is not in any file" in capsys.readouterr().err
    assert not (tmp_path / "l.tif").exists()


def odd(values: np.ndarray) -> np.ndarray:
    """With what is no number, in the picture and in a frame of its own."""
    values = values.astype(np.float32)
    values[0, :4], values[0, 5, 5:9] = np.nan, (np.inf, -np.inf, 0, 0)
    values[1] = np.nan
    return values


ARRAYS = {
    "bool": lambda array: array > 700,
    "big-endian": lambda array: array.astype(">u2"),
    "nothing but one value after the first frame": lambda array: np.where(np.arange(3)[:, None, None] > 0, 7, array),
    "no numbers": odd,
    "dask": lambda array: da.from_array(array, chunks=(2, 20, 48)),
    "zarr v2": lambda array: zarr.array(array, chunks=(3, 16, 16), zarr_format=2),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_every_array_that_napari_shows_can_be_clicked_and_filled(kind, real):
    session = real(ARRAYS[kind](stack(3)))
    session.viewer.dims.set_current_step(0, 0)
    session.click(0, 22, 24)
    session.settle()
    wanted = stack(1)[0] > 750
    found = session.labels[0] > 0
    assert (found & wanted).sum() / (found | wanted).sum() > 0.7
    session.propagate(last=2)
    assert session.controller.propagation.done == 3
    assert session.told == []
