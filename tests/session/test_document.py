"""The document of objects and prompts."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.session.document import Document, interactions, startable
from napari_sam2.session.prompts import ObjectPrompts, Prompt, read_prompts, write_prompts


def told(document: Document) -> list[tuple[tuple[int, ...], int, int]]:
    """A list that grows with every prompts_changed."""
    heard: list[tuple[tuple[int, ...], int, int]] = []
    document.prompts_changed.connect(lambda plane, object_id, frame: heard.append((plane, object_id, frame)))
    return heard


def test_starts_with_one_current_object_without_prompts():
    document = Document(first_id=5)
    assert [item.id for item in document.objects] == [5]
    assert document.current == 5
    assert not document.has_prompts()


def test_new_object_is_made_only_when_the_newest_has_a_prompt():
    document = Document()
    assert document.new_object() == 1
    document.replace_points({(): {(1, 0): (((3.0, 4.0),), (1,))}})
    assert document.new_object() == 2
    document.select(1)
    assert document.new_object() == 2
    assert document.current == 2
    assert [item.id for item in document.objects] == [1, 2]


def test_stepping_goes_round_both_ways():
    document = Document()
    document.ensure([2, 7])
    assert [document.step(1) for _ in range(3)] == [2, 7, 1]
    assert document.step(-1) == 7


def test_selecting_an_unknown_object_says_which_there_are():
    document = Document()
    with pytest.raises(KeyError, match=r"no object 9.*\[1\]"):
        document.select(9)
    assert document.current == 1


def test_replacing_points_tells_only_of_what_changed():
    document = Document()
    first = {(1, 0): (((3.0, 4.0),), (1,)), (2, 6): (((8.0, 8.0),), (1,))}
    document.replace_points({(): first})
    heard = told(document)
    document.replace_points({(): {**first, (2, 6): (((8.0, 9.0),), (1,))}})
    assert heard == [((), 2, 6)]
    assert document.prompt((), 2, 6) == Prompt(6, points=((8.0, 9.0),), labels=(1,))
    document.replace_points({(): {(1, 0): first[(1, 0)]}})
    assert heard == [((), 2, 6), ((), 2, 6)]
    assert document.prompt((), 2, 6) is None


def test_boxes_and_points_of_one_frame_are_one_prompt():
    document = Document()
    document.replace_boxes({(): {(1, 2): (1.0, 2.0, 9.0, 8.0)}})
    document.replace_points({(): {(1, 2): (((3.0, 4.0),), (0,))}})
    assert document.prompt((), 1, 2) == Prompt(2, points=((3.0, 4.0),), labels=(0,), box=(1.0, 2.0, 9.0, 8.0))
    document.replace_points({})
    assert document.prompt((), 1, 2) == Prompt(2, box=(1.0, 2.0, 9.0, 8.0))
    document.replace_boxes({})
    assert not document.has_prompts()


def test_planes_are_kept_apart():
    document = Document()
    heard = told(document)
    document.replace_points({(3,): {(1, 0): (((1.0, 1.0),), (1,))}, (4,): {(1, 0): (((2.0, 2.0),), (1,))}})
    assert heard == [((3,), 1, 0), ((4,), 1, 0)] or heard == [((4,), 1, 0), ((3,), 1, 0)]
    assert document.prompts((3,)).keys() == {(1, 0)}
    assert document.prompts(()) == {}
    assert set(document.planes) == {(3,), (4,)}


def test_unchanged_prompts_stay_the_same_objects():
    document = Document()
    document.replace_points({(): {(1, 0): (((3.0, 4.0),), (1,))}})
    heard = told(document)
    document.replace_points({(): {(1, 0): (((3.0, 4.0),), (1,))}})
    assert heard == []


def test_a_prompt_is_given_mask_first_then_box_then_click_by_click():
    mask = np.eye(3, dtype=bool)
    prompt = Prompt(4, points=((1.0, 1.0), (2.0, 2.0)), labels=(1, 0), box=(0.0, 0.0, 2.0, 2.0), mask=mask)
    assert interactions(prompt) == (
        Prompt(4, mask=mask),
        Prompt(4, box=(0.0, 0.0, 2.0, 2.0)),
        Prompt(4, points=((1.0, 1.0),), labels=(1,)),
        Prompt(4, points=((2.0, 2.0),), labels=(0,)),
    )


def test_a_prompt_starts_with_a_click_on_the_object():
    prompt = Prompt(4, points=((1.0, 1.0), (2.0, 2.0), (3.0, 3.0)), labels=(0, 0, 1))
    assert [step.points[0] for step in interactions(prompt)] == [(3.0, 3.0), (1.0, 1.0), (2.0, 2.0)]


def test_objects_start_where_it_is_said_what_belongs_to_them():
    nothing = Prompt(0, points=((1.0, 1.0),), labels=(0,))
    something = Prompt(5, points=((1.0, 1.0),), labels=(1,))
    prompts = {(1, 0): nothing, (1, 5): something, (2, 0): nothing, (3, 7): Prompt(7, box=(0.0, 0.0, 4.0, 4.0))}
    assert list(startable(prompts)) == [(1, 5), (1, 0), (3, 7)]


coordinate = st.floats(0, 1000, allow_nan=False)
points = st.lists(st.tuples(st.tuples(coordinate, coordinate), st.integers(0, 1)), min_size=1, max_size=4).map(
    lambda pairs: (tuple(where for where, _ in pairs), tuple(label for _, label in pairs))
)
keyed = st.dictionaries(st.tuples(st.integers(1, 6), st.integers(0, 30)), points, max_size=8)


@given(keyed, st.booleans())
def test_prompts_survive_a_file(tmp_path_factory, content, box):
    document = Document()
    document.replace_points({(): content})
    if box:
        document.replace_boxes({(): {(2, 3): (0.0, 0.5, 9.0, 9.5)}})
    path = tmp_path_factory.mktemp("prompts") / "prompts.json"
    write_prompts(path, document.to_prompts())
    again = Document()
    again.load_prompts(read_prompts(path))
    assert again.to_prompts() == document.to_prompts()
    assert again.prompts().keys() == document.prompts().keys()
    for key, prompt in document.prompts().items():
        loaded = again.prompts()[key]
        assert loaded.box == prompt.box
        pairs = list(zip(prompt.points, prompt.labels, strict=True))
        assert sorted(zip(loaded.points, loaded.labels, strict=True)) == sorted(pairs)


@given(keyed, keyed)
def test_what_is_told_is_exactly_what_differs(before, after):
    document = Document()
    document.replace_points({(): before})
    heard = told(document)
    document.replace_points({(): after})
    assert document.prompts().keys() == after.keys()
    different = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    assert {(object_id, frame) for _, object_id, frame in heard} == different
    assert len(heard) == len(different)


def test_loading_keeps_names_and_replaces_the_plane():
    document = Document()
    document.replace_points({(): {(1, 0): (((3.0, 4.0),), (1,))}})
    document.load_prompts([ObjectPrompts(4, "mother", [Prompt(2, points=((5.0, 6.0),), labels=(1,))])])
    assert document.name(4) == "mother"
    assert document.prompts().keys() == {(4, 2)}


def test_renaming_tells_once():
    document = Document()
    heard = []
    document.objects_changed.connect(lambda: heard.append(document.name(1)))
    document.rename(1, "mother")
    assert heard == ["mother"]


def test_needs_neither_torch_nor_napari():
    code = "import sys, napari_sam2.session.document; print({'torch', 'napari', 'qtpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
