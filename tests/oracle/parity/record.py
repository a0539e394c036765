"""What is kept of a run, how it is reduced to a small golden file, and how two runs are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

_GRID = 16  # golden files keep _GRID x _GRID pixels of a map


@dataclass(frozen=True)
class ImageRecord:
    """Masks predicted in a still image: logits (M, size/4, size/4), IoUs (M,), object score."""

    name: str
    logits: np.ndarray
    ious: np.ndarray
    score: float


@dataclass(frozen=True)
class VideoRecord:
    """One object in one frame after one step of a session.

    logits: (size, size), as shown. margin: distance of the best candidate mask to the second in predicted IoU,
    infinite when there is one candidate or when it is not known.
    """

    session: str
    step: int
    frame: int
    object_id: int
    logits: np.ndarray
    score: float
    iou: float
    margin: float = float("inf")


@dataclass
class Recording:
    """Everything one side computed."""

    images: list[ImageRecord] = field(default_factory=list)
    videos: list[VideoRecord] = field(default_factory=list)

    def extend(self, other: Recording) -> None:
        """Append another recording."""
        self.images += other.images
        self.videos += other.videos


def sample(logits: np.ndarray) -> np.ndarray:
    """A fixed sub-grid of a map (..., y, x), _GRID pixels a side, starting off the corner."""
    step = logits.shape[-1] // _GRID
    return logits[..., step // 3 :: step, step // 2 :: step]


def _summary(logits: np.ndarray) -> np.ndarray:
    """Least, greatest, mean logit and the positive part of a map (y, x), over all pixels."""
    return np.array([logits.min(), logits.max(), logits.mean(dtype=np.float64), np.mean(logits > 0)], np.float32)


def to_arrays(recording: Recording, *, full: bool) -> dict[str, np.ndarray]:
    """The recording as named arrays: whole maps, or maps reduced to a sub-grid with a summary of all pixels."""
    images = [(r.name, m, r.logits[m], r.ious[m], r.score) for r in recording.images for m in range(len(r.ious))]
    image_maps = [logits for _, _, logits, *_ in images]
    video_maps = [r.logits for r in recording.videos]
    keep = np.asarray if full else sample
    return {
        "image_names": np.array([name for name, *_ in images], dtype=np.str_),
        "image_candidates": np.array([m for _, m, *_ in images], np.int8),
        "image_maps": np.array([keep(one) for one in image_maps], np.float32),
        "image_summaries": np.array([_summary(one) for one in image_maps]),
        "image_ious": np.array([iou for *_, iou, _ in images], np.float32),
        "image_scores": np.array([score for *_, score in images], np.float32),
        "video_names": np.array([r.session for r in recording.videos], dtype=np.str_),
        "video_index": np.array([(r.step, r.frame, r.object_id) for r in recording.videos], np.int16),
        "video_maps": np.array([keep(one) for one in video_maps], np.float32),
        "video_summaries": np.array([_summary(one) for one in video_maps]),
        "video_ious": np.array([r.iou for r in recording.videos], np.float32),
        "video_scores": np.array([r.score for r in recording.videos], np.float32),
    }


def _video_keys(arrays: Mapping[str, np.ndarray]) -> list[tuple[str, int, int, int]]:
    return [(str(n), *map(int, i)) for n, i in zip(arrays["video_names"], arrays["video_index"], strict=True)]


@dataclass(frozen=True)
class Difference:
    """Largest differences of one group of maps between two runs.

    logits: largest |difference| of a map's logits over the range of that map (an absent object has a constant map:
    there the range of the group's present maps is used). scores, ious: largest |difference|.
    """

    group: str
    maps: int
    absent: int
    logits: float
    scores: float
    ious: float
    worst: str


def _relative(
    ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray], kind: str, at: list[tuple[int, int]]
) -> np.ndarray:
    """Largest |difference| over range, for each pair (index in ours, index in theirs) of maps."""
    low, high = theirs[f"{kind}_summaries"][:, 0], theirs[f"{kind}_summaries"][:, 1]
    spans = high - low
    typical = np.median(spans[spans > 0]) if np.any(spans > 0) else 1.0
    out = []
    for i, j in at:
        maps = np.abs(ours[f"{kind}_maps"][i].astype(np.float64) - theirs[f"{kind}_maps"][j]).max()
        ends = np.abs(ours[f"{kind}_summaries"][i, :3].astype(np.float64) - theirs[f"{kind}_summaries"][j, :3]).max()
        out.append(max(maps, ends) / (spans[j] or typical))
    return np.array(out)


def compare(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> list[Difference]:
    """Differences of the image prompts and of each session. Raises KeyError naming a map that `ours` lacks."""
    result = []
    for kind in ("image", "video"):
        if kind == "image":
            mine, yours = (
                [(str(n), int(m)) for n, m in zip(a["image_names"], a["image_candidates"], strict=True)]
                for a in (ours, theirs)
            )
        else:
            mine, yours = _video_keys(ours), _video_keys(theirs)
        place = {key: i for i, key in enumerate(mine)}
        for group in dict.fromkeys(key[0] if kind == "video" else "image" for key in yours):
            at = [(place[key], j) for j, key in enumerate(yours) if kind == "image" or key[0] == group]
            relative = _relative(ours, theirs, kind, at)
            a, b = (np.array(column) for column in zip(*at, strict=True))
            result.append(
                Difference(
                    group,
                    len(at),
                    int(np.sum(theirs[f"{kind}_scores"][b] <= 0)),
                    float(relative.max()),
                    float(np.abs(ours[f"{kind}_scores"][a] - theirs[f"{kind}_scores"][b]).max()),
                    float(np.abs(ours[f"{kind}_ious"][a] - theirs[f"{kind}_ious"][b]).max()),
                    str(yours[b[relative.argmax()]]),
                )
            )
    return result
