"""The simulated samples: what a first-time user needs to try everything on, with known truth."""

import numpy as np
import pytest
from scipy import ndimage

from napari_sam2.demo.dividing import dividing_nuclei
from napari_sam2.demo.simulation import Simulation, push_apart
from napari_sam2.demo.volume import nuclei_in_depth


@pytest.fixture(scope="module")
def movie() -> Simulation:
    return dividing_nuclei()


@pytest.fixture(scope="module")
def volume() -> Simulation:
    return nuclei_in_depth()


def frames_of(simulation: Simulation, number: int) -> np.ndarray:
    return np.flatnonzero((simulation.labels == number).any(axis=(1, 2)))


def touching(labels: np.ndarray) -> int:
    """How many pairs of objects have pixels side by side."""
    pairs = set()
    for axis in range(labels.ndim):
        one, other = np.swapaxes(labels, 0, axis)[:-1], np.swapaxes(labels, 0, axis)[1:]
        meet = (one != other) & (one > 0) & (other > 0)
        pairs |= {tuple(sorted(pair)) for pair in zip(one[meet].tolist(), other[meet].tolist(), strict=True)}
    return len(pairs)


@pytest.mark.parametrize("kind", ["movie", "volume"])
def test_sixteen_bits_with_every_nucleus_in_sight(kind: str, request: pytest.FixtureRequest) -> None:
    made: Simulation = request.getfixturevalue(kind)
    assert made.image.dtype == np.uint16
    assert made.image.shape == made.labels.shape
    assert made.image.max() > 1000, "more than eight bits are in use"
    assert made.image.max() < 65535, "nothing is saturated"
    assert len(made.scale) == len(made.units) == len(made.axis_labels) == 3
    background = np.median(made.image[made.labels == 0])
    for number in np.unique(made.labels)[1:]:
        assert np.median(made.image[made.labels == number]) > 1.15 * background, number


def test_always_the_same(movie: Simulation) -> None:
    np.testing.assert_array_equal(dividing_nuclei(frames=3).image, movie.image[:3])
    assert not np.array_equal(dividing_nuclei(seed=1, frames=3).image, movie.image[:3])


def test_nuclei_divide_into_two_at_the_place_of_their_mother(movie: Simulation) -> None:
    mothers = set(movie.parents.values())
    assert len(mothers) >= 10
    for mother in mothers:
        daughters = [child for child, parent in movie.parents.items() if parent == mother]
        assert len(daughters) == 2
        last = frames_of(movie, mother).max()
        assert [frames_of(movie, daughter).min() for daughter in daughters] == [last + 1] * 2
        before = np.array(ndimage.center_of_mass(movie.labels[last] == mother))
        both = np.isin(movie.labels[last + 1], daughters)
        assert np.linalg.norm(np.array(ndimage.center_of_mass(both)) - before) < 8
    assert len(np.unique(movie.labels[-1])) > 1.8 * len(np.unique(movie.labels[0]))


def test_dividing_nuclei_are_bright(movie: Simulation) -> None:
    mother = next(mother for mother in movie.parents.values() if len(frames_of(movie, mother)) > 8)
    last = frames_of(movie, mother).max()
    brightness = [
        np.percentile(movie.image[frame][movie.labels[frame] == mother], 90).astype(float) for frame in (last - 6, last)
    ]
    assert brightness[1] > 1.4 * brightness[0]


def test_nuclei_move_little_from_frame_to_frame_but_far_in_the_end(movie: Simulation) -> None:
    paths = []
    for number in range(1, 17):
        frames = frames_of(movie, number)
        centres = np.array([ndimage.center_of_mass(movie.labels[frame] == number) for frame in frames])
        steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        assert (steps < 9).all(), "slower than a third of a nucleus"
        paths.append(steps.sum())
    assert np.median(paths) > 10


def test_many_touch(movie: Simulation, volume: Simulation) -> None:
    assert touching(movie.labels[-1]) >= 5
    assert touching(volume.labels) >= 20


def test_nuclei_are_whole(movie: Simulation) -> None:
    for number in np.unique(movie.labels[20])[1:]:
        _, parts = ndimage.label(movie.labels[20] == number)
        assert parts == 1


def test_nuclei_in_depth_are_round_in_micrometres_and_flat_in_voxels(volume: Simulation) -> None:
    assert volume.scale == (1.0, 0.25, 0.25)
    extents = []
    for found in ndimage.find_objects(volume.labels):
        extents.append([side.stop - side.start for side in found])
    voxels = np.median(extents, axis=0)
    micrometres = voxels * volume.scale
    assert voxels[0] < 0.4 * voxels[1]
    assert micrometres.max() < 1.5 * micrometres.min()
    light = [volume.image[z][volume.labels[z] > 0].mean() for z in (8, 22)]
    assert light[1] < 0.9 * light[0], "deeper slices are darker"


def test_pushing_apart() -> None:
    pushed = push_apart(np.array([[50.0, 50.0], [51.0, 50.0]]), np.array([10.0, 10.0]), np.array([100.0, 100.0]), 60)
    assert 18 < np.linalg.norm(pushed[0] - pushed[1]) < 21
