"""`Sam2VideoModel` of `transformers`, in Meta's environment. Random weights of the tiny model of SAM 2.1."""

from __future__ import annotations

import time

import torch
from frames import frames, places
from server import serve
from transformers import Sam2VideoConfig, Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

MODEL = Sam2VideoModel(Sam2VideoConfig()).eval()
STACK = frames(20)


def encode() -> float:
    image = torch.rand(1, 3, 1024, 1024)
    begin = time.perf_counter()
    MODEL.get_image_features(image)
    return time.perf_counter() - begin


def propagate(objects: int, count: int) -> list[float]:
    """Seconds of every frame after the first."""
    video = torch.from_numpy(STACK[:count]).permute(0, 3, 1, 2).float() / 255
    session = Sam2VideoInferenceSession(video=video, video_height=1024, video_width=1024, dtype=torch.float32)
    for number, (y, x) in enumerate(places(objects), start=1):
        index = session.obj_id_to_idx(number)
        inputs = {"point_coords": torch.tensor([[[[x, y]]]]), "point_labels": torch.tensor([[[1]]], dtype=torch.int32)}
        session.add_point_inputs(index, 0, inputs)
        session.obj_with_new_inputs.append(number)
    MODEL(inference_session=session, frame_idx=0)
    spent, last = [], time.perf_counter()
    for _ in MODEL.propagate_in_video_iterator(session):
        now = time.perf_counter()
        spent.append(now - last)
        last = now
    return spent[1:]


if __name__ == "__main__":
    with torch.inference_mode():
        serve({"encode": encode, "propagate": propagate})
