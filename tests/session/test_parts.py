"""The part of a result that is written, and its names."""

from dataclasses import dataclass

import numpy as np

from napari_sam2.session.parts import part_of


@dataclass
class Result:
    frame: int
    object_ids: tuple[int, ...]
    labels: np.ndarray


RESULT = Result(3, (1, 2), np.array([[0, 1, 2]], np.uint16))


def test_a_result_whose_objects_are_called_as_they_are_stays_as_it_is():
    assert part_of(RESULT, {1: 1, 2: 2}) is RESULT


def test_objects_without_a_name_are_left_out_and_names_may_be_exchanged():
    part = part_of(RESULT, {2: 1})
    assert (part.frame, part.object_ids, part.labels.tolist()) == (3, (1,), [[0, 0, 1]])
    part = part_of(RESULT, {1: 2, 2: 1})
    assert (part.object_ids, part.labels.tolist()) == ((2, 1), [[0, 2, 1]])


def test_a_name_may_be_larger_than_the_labels_of_the_result_hold():
    assert part_of(RESULT, {1: 70000, 2: 2}).labels.tolist() == [[0, 70000, 2]]
