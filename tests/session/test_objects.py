"""Editing objects, accepting frames, lineage and scores, and taking all of it back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.session.document import EVERY, Document, DocumentError
from napari_sam2.session.history import Step
from napari_sam2.session.lineage import heir_at
from napari_sam2.session.locks import Locks
from napari_sam2.session.masks import Masks
from napari_sam2.session.plans import passes
from napari_sam2.session.prompts import Prompt
from napari_sam2.session.scores import Score

GOOD = Score(5.0, 0.9, 16.0)


def click(y: float, x: float, label: int = 1):
    return ((y, x),), (label,)


@pytest.fixture
def document() -> Document:
    """Two objects on five frames of 8 x 12: object 1 in the upper left corner, object 2 in the lower right one."""
    return made()


def made() -> Document:
    labels = np.zeros((5, 8, 12), np.uint16)
    labels[:, :4, :4] = 1
    labels[:, 4:, 8:] = 2
    document = Document()
    document.replace_points({(): {(1, 0): click(1, 1), (2, 0): click(6, 10), (2, 3): click(6, 9)}})
    document.masks = Masks(labels, 5)
    return document


def carried(document: Document) -> Document:
    step = Step("propagate")
    for frame in range(5):
        document.mark_done(step, (), frame, {1: GOOD, 2: GOOD})
    document.add_step(step)
    return document


def test_merging_joins_pixels_prompts_children_and_locks(document):
    carried(document).lock(2, 4)
    document.ensure([3])
    document.set_parents(3, [2])
    assert document.merge(1, 2) == 1
    assert np.unique(document.masks.array).tolist() == [0, 1]
    assert (document.masks.array[:, 4:, 8:] == 1).all()
    assert [item.id for item in document.objects] == [1, 3]
    assert document.prompt((), 1, 0).points == ((1, 1), (6, 10))
    assert document.prompts().keys() == {(1, 0), (1, 3)}
    assert document.locked() == {(1, 4)}
    assert document.parents == {3: (1,)}


def test_merging_a_daughter_into_its_mother_leaves_nobody_its_own_parent(document):
    document.set_parents(2, [1])
    document.merge(1, 2)
    assert document.parents == {}


def test_splitting_makes_a_child_of_the_later_frames(document):
    carried(document).ensure([5])
    document.set_parents(5, [2])
    new = document.split(2, 2)
    assert new == 6
    assert [int(frame[7, 11]) for frame in document.masks.array] == [2, 2, 6, 6, 6]
    assert document.prompts().keys() == {(1, 0), (2, 0), (6, 3)}
    assert document.parents == {6: (2,), 5: (6,)}
    assert document.done(2) == {0, 1}
    assert document.done(6) == {2, 3, 4}
    assert document.scores.get((), 6, 2) == pytest.approx(GOOD)
    assert np.isnan(document.scores.get((), 6, 1)).all()
    assert np.isnan(document.scores.get((), 2, 2)).all()


def test_deleting_takes_pixels_prompts_and_lineage(document):
    document.set_parents(2, [1])
    document.delete(1)
    assert np.unique(document.masks.array).tolist() == [0, 2]
    assert document.prompts().keys() == {(2, 0), (2, 3)}
    assert document.parents == {}
    assert document.current == 2
    document.delete(2)
    assert len(document.objects) == 1
    assert not document.masks.array.any()


def test_renumbering_changes_pixels_and_a_name_that_was_only_the_number(document):
    document.rename(2, "mother")
    assert document.renumber(2, 9) == 9
    assert document.renumber(1, 4) == 4
    assert [(item.id, item.name) for item in document.objects] == [(4, "object 4"), (9, "mother")]
    assert np.unique(document.masks.array).tolist() == [0, 4, 9]
    assert document.prompts().keys() == {(4, 0), (9, 0), (9, 3)}


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (lambda document: document.renumber(1, 2), "2 is the id of object 2"),
        (lambda document: document.renumber(1, 0), "got the id 0"),
        (lambda document: document.renumber(1, 70000), "up to 65535"),
        (lambda document: document.merge(1, 1), "twice"),
        (lambda document: document.split(1, 0), "between two frames"),
        (lambda document: (document.set_parents(2, [1]), document.set_parents(1, [2])), "comes from object 1 itself"),
    ],
)
def test_what_cannot_be_is_explained_and_changes_nothing(document, edit, error):
    before = document.masks.array.copy()
    with pytest.raises(DocumentError, match=error):
        edit(document)
    np.testing.assert_array_equal(document.masks.array, before)
    assert [item.id for item in document.objects] == [1, 2]


@pytest.mark.parametrize("edit", [lambda d: d.rename(7, "x"), lambda d: d.merge(1, 7), lambda d: d.delete(7)])
def test_objects_that_do_not_exist_are_named(document, edit):
    with pytest.raises(KeyError, match=r"no object 7.*\[1, 2\]"):
        edit(document)


def test_locks_tell_and_are_taken_back(document):
    heard = []
    document.locks_changed.connect(lambda *place: heard.append(place))
    document.lock(1, 3)
    document.lock(EVERY, 4)
    assert heard == [((), 1, 3), ((), EVERY, 4)]
    assert document.is_locked(1, 3)
    assert document.is_locked(2, 4)
    assert not document.is_locked(2, 3)
    assert document.locked_objects() == [(1, 3), (1, 4), (2, 4)]
    document.undo()
    assert not document.is_locked(2, 4)


def test_an_accepted_frame_is_a_prompt_and_ends_when_the_object_is_corrected_there(document):
    document.lock(EVERY, 2)
    told = document.effective()
    np.testing.assert_array_equal(told[1, 2].mask, document.masks.array[2] == 1)
    document.set_prompt(1, Prompt(2, points=((1.0, 2.0),), labels=(0,)))
    assert document.locked() == {(2, 2)}
    document.undo()
    assert document.locked() == {(EVERY, 2)}


def test_of_many_accepted_frames_only_those_that_count_are_told():
    labels = np.zeros((100, 8, 12), np.uint16)
    labels[:, :4, :4], labels[:, 4:, 8:] = 1, 2
    labels[41:45, :4, :4] = 0  # accepted as empty: says nothing
    document = Document()
    document.masks = Masks(labels, 100)
    document.ensure([2, 3])
    with document.one_step("accept"):
        for frame in (*range(40), *range(41, 100)):
            for object_id in (1, 2):
                document.lock(object_id, frame)
    told = document.effective(asked={1: {40}, 3: set()})
    assert list(told) == [(1, frame) for frame in (*range(24, 40), *range(45, 61))]
    np.testing.assert_array_equal(told[1, 45].mask, labels[45] == 1)
    assert len(document.effective()) == 99 - 4 + 99
    inside = document.effective(asked={2: {10, 30}})
    assert [frame for _, frame in inside] == [*range(40), *range(41, 48)]
    assert document.effective(asked={2: set()}) == {}


def test_the_masks_of_several_objects_of_a_frame_are_found_in_one_go():
    labels = np.random.default_rng(0).integers(0, 9, (1, 30, 40)).astype(np.uint16)
    masks = Masks(labels, 1)
    for wanted in ([2], [1, 3, 5, 8, 11], [70000, 1, 2, 3]):
        found = masks.masks((), 0, wanted)
        assert list(found) == sorted(item for item in wanted if item < 9)
        for item, mask in found.items():
            np.testing.assert_array_equal(mask, labels[0] == item)
    assert masks.objects((), 0) == frozenset(range(1, 9))


def test_removing_a_click_does_not_take_back_that_its_frame_was_accepted(document):
    document.lock(1, 0)
    document.replace_points({(): {(2, 0): click(6, 10)}})
    assert document.is_locked(1, 0)


def test_a_click_on_a_mask_corrects_it_and_one_far_away_does_not(document):
    document.set_prompt(1, Prompt(2, points=((4.0, 2.0),), labels=(1,)))
    np.testing.assert_array_equal(document.effective()[1, 2].mask, document.masks.array[2] == 1)
    document.set_prompt(1, Prompt(3, points=((7.0, 11.0),), labels=(1,)))
    assert document.effective()[1, 3].mask is None
    document.undo()
    document.undo()
    assert (1, 2) not in document.effective()


def test_a_correction_is_written_with_the_mask_that_it_corrects(document):
    document.set_prompt(1, Prompt(2, points=((0.0, 0.0),), labels=(0,)))
    steps = next(item for item in document.to_prompts() if item.id == 1).prompts
    assert [step.frame for step in steps] == [0, 2, 2]
    assert steps[1].mask is not None
    assert steps[2].labels == (0,)


def test_a_change_takes_back_what_is_done_up_to_the_next_prompt_or_lock(document):
    carried(document).lock(1, 4)
    document.set_prompt(1, Prompt(2, points=((1.0, 1.0),), labels=(1,)))
    assert document.done(1) == {0, 4}
    assert document.done(2) == {0, 1, 2, 3, 4}
    document.undo()
    assert document.done(1) == {0, 1, 2, 3, 4}


def test_scores_follow_their_object_and_tell(document):
    heard = []
    document.scores.changed.connect(lambda plane, frame: heard.append((plane, frame)))
    carried(document)
    assert heard == [((), frame) for frame in range(5)]
    document.merge(1, 2)
    assert np.isnan(document.scores.get((), 2, 0)).all()
    document.undo()
    assert document.scores.get((), 2, 0) == pytest.approx(GOOD)
    document.undo()
    assert list(document.scores.entries()) == []
    assert document.done(1) == frozenset()
    document.redo()
    assert document.scores.get((), 2, 4) == pytest.approx(GOOD)


def everything(document: Document):
    """All that undo has to bring back."""
    return (
        document.objects,
        document.prompts(),
        document.locked(),
        document.parents,
        document.masks.array.tolist(),
        [document.done(item.id) for item in document.objects],
        [str(entry) for entry in document.scores.entries()],
        sorted((key, prompt.mask is None) for key, prompt in document.effective().items()),
    )


ids, frames = st.integers(1, 6), st.integers(0, 4)
edits = st.one_of(
    st.tuples(st.just("merge"), ids, ids),
    st.tuples(st.just("split"), ids, frames),
    st.tuples(st.just("delete"), ids),
    st.tuples(st.just("renumber"), ids, ids),
    st.tuples(st.just("rename"), ids, st.sampled_from(["a", "b"])),
    st.tuples(st.just("lock"), st.integers(0, 6), frames),
    st.tuples(st.just("unlock"), st.integers(0, 6), frames),
    st.tuples(st.just("set_parents"), ids, st.lists(ids, max_size=2)),
    st.tuples(
        st.just("set_prompt"),
        ids,
        st.builds(
            lambda frame, y, label: Prompt(frame, ((float(y), 1.0),), (label,)), frames, st.integers(0, 7), st.just(1)
        ),
    ),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(edits, max_size=12))
def test_undo_brings_every_state_back_and_redo_too(changes):
    document = carried(made())
    document.history.clear()
    states = [everything(document)]
    for name, *arguments in changes:
        try:
            getattr(document, name)(*arguments)
        except (KeyError, DocumentError):
            assert everything(document) == states[-1]
        else:
            if everything(document) != states[-1]:
                states.append(everything(document))
    back = [states[-1]]
    while document.undo():
        if everything(document) != back[-1]:
            back.append(everything(document))
    assert back == states[::-1]
    forth = [everything(document)]
    while document.redo():
        if everything(document) != forth[-1]:
            forth.append(everything(document))
    assert forth == states


def test_planes_share_objects_and_keep_their_own_pixels():
    document = Document()
    document.masks = Masks(np.ones((3, 2, 4, 4), np.uint16), 3, [(0,), (1,)], lambda plane, frame: (frame, *plane))
    document.lock(1, 2, (1,))
    new = document.split(1, 2)
    assert (document.masks.array[2] == new).all()
    assert (document.masks.array[:2] == 1).all()
    assert document.locked((1,)) == {(new, 2)}
    assert document.locked((0,)) == set()


def test_a_division_is_two_daughters_of_which_the_second_waits_for_a_click(document):
    carried(document)
    new = document.divide(1, 3)
    assert (new, document.current) == (4, 4)
    assert document.parents == {3: (1,), 4: (1,)}
    assert (document.masks.array[:3, :4, :4] == 1).all()
    assert (document.masks.array[3:, :4, :4] == 3).all()
    assert document.done(1) == {0, 1, 2}
    assert document.done(3) == {3, 4}
    document.undo()
    assert document.parents == {}
    assert [item.id for item in document.objects] == [1, 2]
    assert (document.masks.array[:, :4, :4] == 1).all()


def test_a_daughter_that_begins_on_the_frame_gets_a_sister_and_one_that_has_ended_is_not_split(document):
    document.divide(1, 3)
    assert document.divide(3, 3) == 5
    assert document.parents == {3: (1,), 4: (1,), 5: (1,)}
    document.masks.array[2:, 4:, 8:] = 0
    document.masks.forget()
    assert document.divide(2, 2) == 6
    assert document.parents[6] == (2,)
    with pytest.raises(DocumentError, match="first frame with two cells"):
        document.divide(2, 0)


def test_a_daughter_is_not_carried_to_the_frames_of_its_mother(document):
    carried(document)
    new = document.divide(1, 3)
    document.set_prompt(new, Prompt(3, points=((1.0, 6.0),), labels=(1,)))
    (one,) = passes(document.standings(), 0, 4, "both")
    assert one.writes == {new: {3, 4}}
    document.set_prompt(new, Prompt(1, points=((1.0, 6.0),), labels=(1,)))
    (one,) = passes(document.standings(), 0, 4, "both")
    assert one.writes == {new: {1, 2, 3, 4}}, "where somebody says that it is, it is"


def test_several_objects_are_merged_and_deleted_in_one_pass(document):
    labels = document.masks.array
    document.ensure([1, 2, 7])
    labels[1, :2, 2:4] = 7
    document.masks.forget()
    document.scores.put((), 1, {7: Score(4.0, 0.9, 4.0)})
    document.lock(7, 1)
    before, locked = labels.copy(), document.locked()
    document.merge(1, 2, 7)
    np.testing.assert_array_equal(labels, np.where(np.isin(before, (2, 7)), 1, before))
    assert [item.id for item in document.objects] == [1]
    assert document.scores.get((), 1, 1).predicted_iou == pytest.approx(0.9)
    assert (1, 1) in document.locked()
    assert document.history.undo_text == "merge 3 objects"
    document.undo()
    np.testing.assert_array_equal(labels, before)
    assert document.locked() == locked
    document.delete(1, 7)
    np.testing.assert_array_equal(labels, np.where(np.isin(before, (1, 7)), 0, before))
    document.undo()
    np.testing.assert_array_equal(labels, before)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.integers(0, 4)), max_size=8))
def test_which_objects_a_frame_has_is_known_after_parts_of_it_are_written(writes):
    masks = Masks(np.array([[[1, 1, 0, 0], [0, 2, 2, 0], [0, 0, 0, 3], [0, 0, 3, 3]]], np.uint16), 1)
    for y, x, size, value in writes:
        masks.objects((), 0)
        after = masks.frame((), 0).copy()
        after[y : y + size, x : x + size] = value
        masks.write((), 0, after)
        assert masks.objects((), 0) == set(np.unique(masks.array).tolist()) - {0}
        delta = masks.relabel({1: 2})
        assert masks.objects((), 0) == set(np.unique(masks.array).tolist()) - {0}
        for one in delta:
            masks.turn(one, forth=False)
        assert masks.objects((), 0) == set(np.unique(masks.array).tolist()) - {0}


PLACES = st.tuples(st.sampled_from([(), (1,)]), st.integers(0, 3), st.integers(0, 4))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["set", "pop", "popitem", "setdefault", "delete", "clear", "update"]), PLACES),
        max_size=20,
    )
)
def test_accepted_frames_of_an_object_are_those_of_the_table(acts):
    locks, plain = Locks(), {}
    for act, place in acts:
        if act == "set":
            locks[place] = plain[place] = True
        elif act == "pop":
            assert locks.pop(place, None) == plain.pop(place, None)
        elif act == "popitem" and plain:
            gone, _ = locks.popitem()
            del plain[gone]
        elif act == "setdefault":
            assert locks.setdefault(place, True) == plain.setdefault(place, True)
        elif act == "delete" and place in plain:
            del locks[place], plain[place]
        elif act == "clear":
            locks.clear(), plain.clear()
        elif act == "update":
            locks.update({place: True}), plain.update({place: True})
        assert locks == plain
        for plane in ((), (1,)):
            for item in range(4):
                frames = {place[2] for place in plain if place[:2] == (plane, item)}
                assert set(locks.frames(item, plane)) == frames
                assert set(locks.by_object(plane).get(item, ())) == frames


def divided() -> Document:
    """Object 1 is clicked on frame 0 and carried to frame 5; it divides on frame 3 into 2, which goes on, and 3."""
    labels = np.zeros((6, 5, 5), np.uint16)
    labels[:, 1, 1] = 1
    document = Document()
    document.masks = Masks(labels, 6)
    document.set_prompt(1, Prompt(0, ((1.0, 1.0),), (1,)))
    step = Step("propagation")
    for frame in range(6):
        document.mark_done(step, (), frame, {1: Score(2.0, 0.9, 1)})
    assert document.divide(1, 3) == 3
    return document


def test_a_daughter_of_whom_nothing_is_said_is_her_mother_to_the_model():
    document = divided()
    assert document.heirs() == {1: ((3, 2),)}
    assert passes(document.standings(), 0, 5, "both") == []
    document.clear_done()
    (one,) = passes(document.standings(), 0, 5, "both")
    assert one.writes == {1: frozenset(range(6))}
    document.set_prompt(2, Prompt(4, box=(0, 0, 2, 2)))
    assert document.heirs() == {}
    (one,) = passes(document.standings(), 0, 5, "both")
    assert one.writes == {1: frozenset({0, 1, 2}), 2: frozenset({3, 4, 5})}


def test_a_daughter_begins_with_her_sister_whatever_is_done_of_her_mother():
    document = divided()
    document.set_prompt(3, Prompt(4, ((3.0, 3.0),), (1,)))
    document.clear_done()
    (one,) = passes(document.standings(), 0, 5, "both")
    assert one.writes == {1: frozenset(range(6)), 3: frozenset({3, 4, 5})}


def test_a_birth_goes_where_the_daughter_goes():
    document = divided()
    document.renumber(2, 9)
    assert document.heirs() == {1: ((3, 9),)}
    document.set_parents(9, [])
    assert document.heirs() == {}
    document.undo()
    assert document.heirs() == {1: ((3, 9),)}
    document.merge(1, 9)
    assert document.heirs() == {}
    assert set(document.tables()["births"]) == {3}
    document.delete(1)
    assert not document.tables()["births"]


def test_a_mother_that_is_said_to_be_there_is_there():
    document = divided()
    document.set_prompt(1, Prompt(4, ((1.0, 1.0),), (1,)))
    assert document.heirs() == {1: ((5, 2),)}


def test_a_chain_of_daughters_goes_on_as_one():
    document = divided()
    document.split(2, 5)
    assert document.heirs() == {1: ((3, 2), (5, 4))}


def test_of_daughters_that_begin_on_one_frame_the_last_of_the_chain_counts():
    document = divided()
    document.split(2, 5)
    document.renumber(2, 20)
    document.set_prompt(1, Prompt(5, ((1.0, 1.0),), (1,)))
    document.clear_done()
    heirs = document.heirs()[1]
    assert heirs == ((6, 20), (6, 4))
    assert [heir_at(heirs, 1, frame) for frame in (5, 6)] == [1, 4]


def test_a_daughter_that_was_split_before_she_begins_is_the_new_one_altogether():
    document = divided()
    document.split(2, 1)
    heirs = document.heirs()[1]
    assert [heir_at(heirs, 1, frame) for frame in (2, 3, 5)] == [1, 4, 4]


def test_of_a_volume_over_time_a_daughter_begins_with_her_time_point():
    labels = np.zeros((8, 5, 5), np.uint16)
    labels[:, 1, 1] = 1
    document = Document()
    document.masks = Masks(labels, 8, slices=2)
    document.set_prompt(1, Prompt(1, ((1.0, 1.0),), (1,)))
    assert document.divide(1, 5) == 3
    document.set_prompt(3, Prompt(5, ((3.0, 3.0),), (1,)))
    assert document.heirs() == {1: ((4, 2),)}
    (one,) = passes(document.standings(), 0, 7, "both", slices=2)
    assert one.writes == {1: frozenset(range(8)), 3: frozenset({4, 5, 6, 7})}
