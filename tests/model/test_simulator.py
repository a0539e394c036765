"""The training simulator keeps its promises: reproducible clips, identities over time, family trees, object sizes."""

import sys
from pathlib import Path

import numpy as np
import pytest

MODEL = Path(__file__).resolve().parents[2] / "model"
if str(MODEL) not in sys.path:
    sys.path.insert(0, str(MODEL))

from simulator import KINDS, Clip, sample_clip  # noqa: E402
from simulator.canvas import Canvas  # noqa: E402
from simulator.population import Dynamics, simulate  # noqa: E402
from simulator.resample import blur, resize  # noqa: E402
from simulator.shapes import capsule, radial  # noqa: E402


def clips(kind: str, count: int, frames: int) -> list[Clip]:
    return [sample_clip(np.random.default_rng([7, k]), frames, kind=kind) for k in range(count)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 8])
def test_every_kind_gives_the_promised_arrays(kind: str, frames: int) -> None:
    clip = sample_clip(np.random.default_rng(3), frames, kind=kind)
    assert clip.images.shape == clip.labels.shape == (frames, 256, 256)
    assert clip.images.dtype == np.float32
    assert clip.labels.dtype == np.uint16
    assert clip.kind == kind
    assert np.isfinite(clip.images).all()
    assert all(clip.images[t].std() > 0 for t in range(frames))
    assert clip.labels.any()


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_clip_other_seed_other_clip(kind: str) -> None:
    first, again, other = (sample_clip(np.random.default_rng(s), 3, kind=kind) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.parents == again.parents
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize("kind", KINDS)
def test_other_sizes_work(kind: str) -> None:
    clip = sample_clip(np.random.default_rng(1), 2, size=128, kind=kind)
    assert clip.images.shape == clip.labels.shape == (2, 128, 128)
    assert clip.labels.any()


@pytest.mark.parametrize("kind", KINDS)
def test_identities_stay_on_their_objects(kind: str) -> None:
    """Whoever is whole in two frames in a row mostly overlaps itself: motion is slower than a diameter per frame."""
    overlaps = []
    for clip in clips(kind, 6, 4):
        for before, after in zip(clip.labels[:-1], clip.labels[1:], strict=True):
            for ident in np.intersect1d(before, after):
                a, b = before == ident, after == ident
                if ident and min(a.sum(), b.sum()) >= 200:
                    overlaps.append((a & b).sum() / min(a.sum(), b.sum()))
    assert len(overlaps) >= 5
    assert np.median(overlaps) > 0.6
    assert np.mean(np.array(overlaps) > 0.1) > 0.8


@pytest.mark.parametrize("kind", ["nuclei_dense", "bacteria_phase"])
def test_a_division_ends_the_mother_and_starts_two_daughters_beside_her(kind: str) -> None:
    found = 0
    for clip in clips(kind, 16, 8):
        present = [set(np.unique(frame).tolist()) for frame in clip.labels]
        for daughter, mother in clip.parents.items():
            first = min(t for t, seen in enumerate(present) if daughter in seen)
            last = max(t for t, seen in enumerate(present) if mother in seen)
            assert mother != daughter
            assert last < first
            if last == first - 1 and (clip.labels[last] == mother).sum() > 300:
                near = clip.labels[first] == daughter
                rows, columns = np.nonzero(clip.labels[last] == mother)
                reach = 2.0 * np.sqrt(len(rows)) + 0.3 * 256
                shift = np.hypot(*(np.argwhere(near).mean(0) - (rows.mean(), columns.mean())))
                assert shift < reach
                found += 1
        mothers = list(clip.parents.values())
        assert all(mothers.count(m) <= 2 for m in mothers)
    assert found >= 6


@pytest.mark.parametrize("kind", KINDS)
def test_objects_have_the_size_a_window_gives(kind: str) -> None:
    """Diameter of equal area of the objects that lie whole in the frame: within an eighth to a half, give or take."""
    diameters = []
    for clip in clips(kind, 12, 1):
        labels = clip.labels[0]
        edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
        areas = np.bincount(labels.ravel())
        areas[edge] = 0
        areas[0] = 0
        diameters += (2 * np.sqrt(areas[areas > 0] / np.pi) / 256).tolist()
    diameters = np.array(diameters)
    assert len(diameters) > 5
    assert 0.09 < np.median(diameters) < 0.4
    assert np.mean(diameters > 0.06) > 0.85
    assert diameters.max() < 0.75


def test_unknown_kind_and_no_frames_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown kind 'moon'"):
        sample_clip(np.random.default_rng(0), kind="moon")
    with pytest.raises(ValueError, match="at least one"):
        sample_clip(np.random.default_rng(0), frames=0)


def test_touching_cells_share_the_ground_between_them() -> None:
    """Two equal discs that overlap meet half way; neither hides the other."""
    canvas = Canvas(64)
    disc = np.ones(256, np.float32)
    for ident, x in ((1, 24.0), (2, 40.0)):
        patch = radial((32.0, x), 12.0, 1.0, 0.0, disc, 64, 2)
        assert patch is not None
        canvas.claim(patch, ident)
    areas = np.bincount(canvas.labels.ravel(), minlength=3)
    assert abs(int(areas[1]) - int(areas[2])) <= 25
    assert canvas.labels[32, 31] == 1
    assert canvas.labels[32, 33] == 2


def test_signed_distances_are_in_pixels() -> None:
    disc = radial((40.0, 40.0), 15.0, 1.0, 0.3, np.ones(256, np.float32), 80, 5)
    rod = capsule((40.5, 40.5), 50.0, 10.0, 0.0, 0.0, 80, 5)
    assert disc is not None
    assert rod is not None
    assert (disc.sd > 0).sum() == pytest.approx(np.pi * 15**2, rel=0.03)
    assert disc.sd.max() == pytest.approx(15, abs=1)
    assert (rod.sd > 0).sum() == pytest.approx(40 * 10 + np.pi * 25, rel=0.05)


def test_a_population_without_division_keeps_its_members() -> None:
    history = simulate(np.random.default_rng(0), Dynamics(radius=20.0), 6, 256, 0.0, 0.0)
    assert all(np.array_equal(cells.ident, history.frames[0].ident) for cells in history.frames)
    assert history.parents == {}


def test_resizing_keeps_a_ramp_and_blurring_keeps_the_light() -> None:
    ramp = np.tile(np.arange(32, dtype=np.float32), (32, 1))
    for order in (1, 3):
        up = resize(ramp, (64, 64), order)
        np.testing.assert_allclose(up[10, 8:-8], (np.arange(64) + 0.5)[8:-8] / 2 - 0.5, atol=1e-4)
    spot = np.zeros((128, 128), np.float32)
    spot[64, 64] = 1
    for sigma in (1.0, 4.0, 12.0):
        assert blur(spot, sigma).sum() == pytest.approx(1, rel=0.05)
