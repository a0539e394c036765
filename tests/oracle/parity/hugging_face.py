"""A second witness for still images: `Sam2Model` of `transformers`, with the shared weights under its own names.

It was written apart from Meta's package and needs neither torchvision nor a GPU. Its default configuration is the
tiny model at 1024 x 1024.
"""

from __future__ import annotations

import re

import numpy as np
import torch
from transformers import Sam2Config, Sam2Model

from .record import ImageRecord, Recording
from .scenarios import ImagePrompt
from .weights import make_weights

_POSITION = "shared_image_embedding.positional_embedding"

# Our names (Meta's) to those of transformers; applied in order.
_NAMES = (
    (r"^image_encoder\.trunk\.patch_embed\.proj\.", "vision_encoder.backbone.patch_embed.projection."),
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^sam_prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix", _POSITION),
    (r"^sam_prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^sam_prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^sam_prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^sam_prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^sam_prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^sam_prompt_encoder\.", "prompt_encoder."),
    (r"^sam_mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^sam_mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^sam_mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"^sam_mask_decoder\.", "mask_decoder."),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"\.out_proj\.", ".o_proj."),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"(blocks\.\d+|transformer\.layers\.\d)\.norm(\d)\.", r"\1.layer_norm\2."),
    (r"\.mlp\.layers\.0\.", ".mlp.proj_in."),
    (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
    (r"(_head|mlps\.\d)\.layers\.0\.", r"\1.proj_in."),
    (r"(_head|mlps\.\d)\.layers\.2\.", r"\1.proj_out."),
    (r"(_head|mlps\.\d)\.layers\.1\.", r"\1.layers.0."),
)
_VIDEO_ONLY = ("memory_", "maskmem_", "mask_downsample.", "no_mem_pos_enc", "no_obj", "obj_ptr")


def _renamed(key: str) -> str:
    for pattern, name in _NAMES:
        key = re.sub(pattern, name, key)
    return key


def build(shapes: dict[str, tuple[int, ...]]) -> Sam2Model:
    """The network of transformers with the shared weights; `shapes` is our tiny variant's layout."""
    weights = make_weights({key: shape for key, shape in shapes.items() if not key.startswith(_VIDEO_ONLY)})
    points = [weights.pop(f"sam_prompt_encoder.point_embeddings.{kind}.weight") for kind in range(4)]
    state = {_renamed(key): torch.from_numpy(value) for key, value in weights.items()}
    state["prompt_encoder.point_embed.weight"] = torch.from_numpy(np.concatenate(points))
    state["prompt_encoder.shared_embedding.positional_embedding"] = state[_POSITION]
    config = Sam2Config()
    config.mask_decoder_config.dynamic_multimask_via_stability = True
    model = Sam2Model(config)
    model.load_state_dict(state, strict=True)
    return model.eval()


@torch.inference_mode()
def run_image(model: Sam2Model, image: np.ndarray, prompts: tuple[ImagePrompt, ...]) -> Recording:
    """Predict in a still image (1024, 1024, 3) uint8."""
    pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    pixels -= torch.tensor((0.485, 0.456, 0.406))[:, None, None]
    pixels /= torch.tensor((0.229, 0.224, 0.225))[:, None, None]
    embeddings = model.get_image_embeddings(pixels[None])
    recording = Recording()
    for prompt in prompts:
        points = torch.tensor(prompt.points, dtype=torch.float32).reshape(-1, 2).flip(-1)[None, None]
        y0, x0, y1, x1 = prompt.box or (0, 0, 0, 0)
        out = model(
            image_embeddings=embeddings,
            input_points=points if prompt.points else None,
            input_labels=torch.tensor(prompt.labels)[None, None] if prompt.points else None,
            input_boxes=torch.tensor([[[x0, y0, x1, y1]]]) if prompt.box else None,
            input_masks=None if prompt.mask_logits is None else torch.from_numpy(prompt.mask_logits)[None, None],
            multimask_output=prompt.multimask,
        )
        logits, ious = out.pred_masks[0, 0].numpy(), out.iou_scores[0, 0].numpy()
        recording.images.append(ImageRecord(prompt.name, logits, ious, float(out.object_score_logits)))
    return recording
