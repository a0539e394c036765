"""The prompts file: what is written is read back, and every wrong entry is named."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_sam2.session.prompt_steps import interactions, joined, with_points
from napari_sam2.session.prompts import ObjectPrompts, Prompt, PromptsError, parse_prompts, read_prompts, write_prompts

coordinates = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    clicks = draw(st.lists(st.tuples(coordinates, coordinates, st.sampled_from([0, 1])), max_size=4))
    box = draw(st.none() | st.tuples(coordinates, coordinates))
    shapes = array_shapes(min_dims=2, max_dims=2, max_side=9)
    mask = draw(st.none() | arrays(bool, shapes).filter(np.any))
    if not clicks and box is None and mask is None:
        clicks = [(1.0, 2.0, 1)]
    return Prompt(
        frame=draw(st.integers(0, 10**6)),
        points=tuple((y, x) for y, x, _ in clicks),
        labels=tuple(label for _, _, label in clicks),
        box=None if box is None else (box[0], box[1], box[0] + 3.5, box[1] + 1.0),
        mask=mask,
    )


objects = st.lists(
    st.builds(ObjectPrompts, id=st.integers(1, 2**32 - 1), name=st.text(), prompts=st.lists(prompts(), max_size=3)),
    max_size=3,
    unique_by=lambda item: item.id,
)


@given(objects)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, written: list[ObjectPrompts]) -> None:
    path = tmp_path_factory.mktemp("prompts") / "clicks.json"
    write_prompts(path, written)
    assert read_prompts(path) == written
    assert not [file for file in path.parent.rglob("*") if file.name.startswith(".")]


def test_prompts_with_other_masks_differ() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1, 1] = True
    prompt = Prompt(0, mask=mask)
    assert prompt == Prompt(0, mask=mask.copy())
    assert prompt != Prompt(0, mask=~mask)
    assert prompt != Prompt(0)
    assert len({prompt, Prompt(0, mask=mask.copy())}) == 1


def document(**prompt: Any) -> dict[str, Any]:
    """Two good objects; the entries given replace those of the second one's prompt."""
    good = {"frame": 0, "points": [[1, 2]], "labels": [1]}
    return {
        "format": "napari-sam2/prompts",
        "version": 1,
        "objects": [{"id": 1, "prompts": [dict(good)]}, {"id": 2, "name": "two", "prompts": [{**good, **prompt}]}],
    }


def error_of(tmp_path: Path, content: Any) -> str:
    path = tmp_path / "p.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(PromptsError) as caught:
        read_prompts(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    seed = np.zeros((200, 300), np.uint16)
    seed[3:6, 4:8] = 7
    tifffile.imwrite(tmp_path / "seed.tif", seed)
    (tmp_path / "p.json").write_text(
        """{"format": "napari-sam2/prompts", "version": 1, "objects": [
          {"id": 1, "name": "mother", "prompts": [
            {"frame": 0, "points": [[120.0, 88.5]], "labels": [1]},
            {"frame": 4, "box": [100, 70, 140, 110]},
            {"frame": 9, "mask": "seed.tif"}]}]}"""
    )
    assert read_prompts(tmp_path / "p.json") == [
        ObjectPrompts(
            1,
            "mother",
            [
                Prompt(0, ((120.0, 88.5),), (1,)),
                Prompt(4, box=(100.0, 70.0, 140.0, 110.0)),
                Prompt(9, mask=seed > 0),
            ],
        )
    ]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"box": [1, 2, 3]}, "objects[1].prompts[0].box: got 3 numbers, expected 4 (y0, x0, y1, x1)"),
        ({"box": [9, 2, 3, 4]}, "objects[1].prompts[0].box: y0 9 is not below y1 3 (order is y0, x0, y1, x1)"),
        ({"box": "all"}, "objects[1].prompts[0].box: got the text 'all', expected a list [...]"),
        ({"points": [[1, 2, 3]]}, "objects[1].prompts[0].points[0]: got 3 numbers, expected 2 (y, x)"),
        ({"points": [[1, True]]}, "objects[1].prompts[0].points[0][1]: got true/false, expected a number"),
        ({"points": [[1, 10**400]]}, "objects[1].prompts[0].points[0][1]: the number is too large"),
        ({"points": [[1, float("nan")]]}, "objects[1].prompts[0].points[0][1]: got nan, expected a finite number"),
        ({"points": [], "labels": []}, "objects[1].prompts[0].points: is empty, expected at least one [y, x]"),
        ({"labels": [1, 0]}, "objects[1].prompts[0].labels: got 2 for 1 points, expected one per point"),
        ({"labels": [2]}, "objects[1].prompts[0].labels[0]: got 2, expected at most 1"),
        ({"frame": -1}, "objects[1].prompts[0].frame: got -1, expected 0 or more"),
        ({"frame": 1.5}, "objects[1].prompts[0].frame: got the number 1.5, expected a whole number"),
        ({"frame": None}, "objects[1].prompts[0].frame: got nothing (null), expected a whole number"),
        ({"mask": "../seed.tif"}, "leads out of the folder of the JSON; put the image beside the JSON"),
        ({"mask": "/etc/seed.tif"}, "leads out of the folder of the JSON; put the image beside the JSON"),
        ({"mask": "C:\\seed.tif"}, "leads out of the folder of the JSON; put the image beside the JSON"),
        ({"mask": "no.tif"}, "objects[1].prompts[0].mask: there is no file 'no.tif' beside the JSON"),
        ({"mask": 3}, "objects[1].prompts[0].mask: got the number 3, expected the name of an image file"),
        ({"point": [1, 2]}, 'objects[1].prompts[0]: unknown entry "point", expected "frame", "points", "labels"'),
        ({"points": None, "labels": None}, 'objects[1].prompts[0]: has nothing to go by, expected "points"'),
    ],
)
def test_wrong_prompt_is_named(tmp_path: Path, entries: dict[str, Any], message: str) -> None:
    assert message in error_of(tmp_path, document(**entries))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "format: got 'other', expected \"napari-sam2/prompts\""),
        ({"version": 2}, "version: got 2, this program reads up to 1; update napari-sam2"),
        ({"version": "1"}, "version: got the text '1', expected a whole number"),
        ({"objects": {}}, "objects: got a group {...}, expected a list [...]"),
        ({"objects": [{"id": 0, "prompts": []}]}, "objects[0].id: got 0, expected 1 or more"),
        ({"objects": [{"id": 1}]}, 'objects[0]: "prompts" is missing'),
        ({"objects": [{"id": 1, "prompts": [], "name": 3}]}, "objects[0].name: got the number 3, expected a text"),
        ({"objects": [{"id": 1, "prompts": []}] * 2}, "objects[1].id: 1 is already the id of objects[0]"),
    ],
)
def test_wrong_document_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    assert error_of(tmp_path, document() | change) == message


def test_what_is_not_json(tmp_path: Path) -> None:
    assert error_of(tmp_path, '{"format":').startswith("is not JSON: ")
    assert error_of(tmp_path, "[1]").startswith("the file: got a list, expected a group")
    assert error_of(tmp_path, "[" * 100_000).startswith("is nested too deeply")
    with pytest.raises(PromptsError, match=r"gone\.json: cannot be read \(No such file"):
        read_prompts(tmp_path / "gone.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptsError, match="is not UTF-8 text"):
        read_prompts(tmp_path / "binary.json")


def test_masks_that_are_no_masks(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("hello")
    tifffile.imwrite(tmp_path / "stack.tif", np.ones((3, 4, 5), np.uint8), photometric="minisblack")
    tifffile.imwrite(tmp_path / "empty.tif", np.zeros((4, 5), np.uint8))
    assert "text.tif is not a readable TIFF image" in error_of(tmp_path, document(mask="text.tif"))
    assert "stack.tif has shape (3, 4, 5), expected a 2-D image" in error_of(tmp_path, document(mask="stack.tif"))
    assert "empty.tif has no object pixel" in error_of(tmp_path, document(mask="empty.tif"))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "secret.tif", np.ones((4, 5), np.uint8))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "seed.tif").symlink_to(tmp_path / "secret.tif")
    assert "leads out of the folder" in error_of(folder, document(mask="seed.tif"))


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    good = [ObjectPrompts(1, "one", [Prompt(0, ((1.0, 2.0),), (1,))])]
    write_prompts(path, good)
    bad = [ObjectPrompts(1, "one", [Prompt(0, box=(5.0, 5.0, 1.0, 1.0))])]
    with pytest.raises(PromptsError, match=r"objects\[0\]\.prompts\[0\]\.box"):
        write_prompts(path, bad)
    with pytest.raises(PromptsError, match="at least one object pixel"):
        write_prompts(path, [ObjectPrompts(1, "one", [Prompt(0, mask=np.zeros((3, 3), bool))])])
    assert read_prompts(path) == good
    assert [file.name for file in tmp_path.iterdir()] == ["p.json"]


def test_the_chosen_mask_of_an_ambiguous_click_is_written_and_read_back(tmp_path):
    prompts = [Prompt(0, points=((3.0, 4.0),), labels=(1,), candidate=2)]
    write_prompts(tmp_path / "p.json", [ObjectPrompts(1, "cell", prompts)])
    assert read_prompts(tmp_path / "p.json")[0].prompts == prompts
    assert prompts[0] != Prompt(0, points=((3.0, 4.0),), labels=(1,))


@pytest.mark.parametrize("entry", [{"points": [[1, 2], [3, 4]], "labels": [1, 1]}, {"box": [1, 2, 3, 4]}])
def test_a_choice_of_a_mask_is_for_a_single_click(entry):
    content = {"format": "napari-sam2/prompts", "version": 1}
    content["objects"] = [{"id": 1, "prompts": [{"frame": 0, "candidate": 1, **entry}]}]
    with pytest.raises(PromptsError, match=r"objects\[0\].prompts\[0\].candidate: is for a prompt with one point"):
        parse_prompts(content)


def test_a_choice_goes_with_the_first_click_and_only_with_it():
    chosen = Prompt(0, points=((3.0, 4.0),), labels=(1,), candidate=2)
    more = with_points(chosen, (((3.0, 4.0), (9.0, 9.0)), (1, 0)))
    assert [step.candidate for step in interactions(more)] == [2, 0]
    assert with_points(more, (((9.0, 9.0),), (1,))).candidate == 0
    assert with_points(more, None).candidate == 0
    assert [step.candidate for step in interactions(replace(more, box=(1, 2, 30, 40)))] == [0, 0, 0]
    assert joined(chosen, Prompt(0, points=((5.0, 5.0),), labels=(1,))).candidate == 2
