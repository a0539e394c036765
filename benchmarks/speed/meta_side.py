"""Meta's `sam2`: run in an environment of its own, see ``__main__``."""

from __future__ import annotations

import time
import warnings

import torch
from frames import frames, masks, places
from parity import meta
from sam2.sam2_image_predictor import SAM2ImagePredictor
from server import serve

VARIANT, BIAS = "sam2.1_hiera_tiny", 10.0  # objects are always found present
STACK = frames(20)


def fresh() -> torch.nn.Module:
    """The network; image features are encoded whenever Meta's code asks for them."""
    model = meta.build(VARIANT, 1024, BIAS)
    model.forward_image = type(model).forward_image.__get__(model)
    return model


MODEL = fresh()


def encode() -> float:
    image = torch.rand(1, 3, 1024, 1024)
    begin = time.perf_counter()
    MODEL.forward_image(image)
    return time.perf_counter() - begin


def click() -> list[float]:
    """Seconds of a first click in an image, and of one more with the features at hand."""
    predictor = SAM2ImagePredictor(MODEL)
    y, x = places(1)[0]
    begin = time.perf_counter()
    predictor.set_image(STACK[0])
    _, _, low = predictor.predict([[x, y]], [1])
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    predictor.predict([[x, y], [x + 9, y]], [1, 1], mask_input=low[:1], multimask_output=False)
    return [first, time.perf_counter() - begin]


def propagate(objects: int, count: int) -> list[float]:
    """Seconds of every frame after the first."""
    with meta._patched(STACK[:count]):
        state = MODEL.init_state(None)
        for number, mask in enumerate(masks(objects), start=1):
            MODEL.add_new_mask(state, 0, number, mask)
        spent, last = [], time.perf_counter()
        for _ in MODEL.propagate_in_video(state):
            now = time.perf_counter()
            spent.append(now - last)
            last = now
    return spent[1:]


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    with torch.inference_mode():
        serve({"encode": encode, "click": click, "propagate": propagate})
