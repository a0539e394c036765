"""SAM 2 as stateless calls: encode an image, condition it on memory, segment, take a mask as answer, encode a memory.

The caller holds all state. Behaviour follows Ravi et al. 2024 and ``sam2/modeling/sam2_base.py`` of Meta's code; names
of parameters are those of Meta's checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.sam2.config import ModelConfig
from napari_sam2.sam2.image_encoder import ImageEncoder
from napari_sam2.sam2.layers import MLP
from napari_sam2.sam2.mask_decoder import DecodedMasks, MaskDecoder, one_mask, three_masks
from napari_sam2.sam2.memory_attention import MemoryAttention
from napari_sam2.sam2.memory_encoder import MemoryEncoder
from napari_sam2.sam2.position import sine_map, sine_of_time
from napari_sam2.sam2.prompt_discs import draw
from napari_sam2.sam2.prompt_encoder import PADDING, PromptEncoder
from napari_sam2.sam2.transfer import to_device

ABSENT_LOGIT = -1024.0
"""Mask logit of an object that is not there."""
MASK_SCALE, MASK_BIAS = 20.0, -10.0
"""Maps mask probabilities to what the memory encoder was trained on, and binary masks to logits."""


@dataclass(frozen=True)
class ImageFeatures:
    """Features of B images of side S, shared by all objects in them.

    S is that of the model, or less for a window that lies in the middle of the model's input as far as positions go.
    """

    stride16: Tensor  # (B, width, S / 16, S / 16), without memory
    stride8: Tensor  # (B, width / 4, S / 8, S / 8), as the mask decoder wants it
    stride4: Tensor  # (B, width / 8, S / 4, S / 4), as the mask decoder wants it

    def __getitem__(self, index: slice | Tensor | list[int]) -> ImageFeatures:
        return ImageFeatures(*(getattr(self, f.name)[index] for f in fields(self)))

    def crop(self, rows: slice, columns: slice) -> ImageFeatures:
        """The features of a window: these rows and columns of the stride-16 map. Views, nothing is copied."""

        def part(features: Tensor, finer: int) -> Tensor:
            inside = slice(rows.start * finer, rows.stop * finer), slice(columns.start * finer, columns.stop * finer)
            return features[:, :, *inside]

        return ImageFeatures(part(self.stride16, 1), part(self.stride8, 2), part(self.stride4, 4))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(int(getattr(self, f.name).nbytes) for f in fields(self))


@dataclass(frozen=True)
class Segmentation:
    """Answer for B objects: M candidate masks (1 or 3) at stride 4 and what is needed to remember the best one."""

    logits: Tensor  # (B, M, S / 4, S / 4); all ABSENT_LOGIT where the object is absent
    ious: Tensor  # (B, M), predicted
    order: Tensor  # (B, M) indices of the candidates, preferred ones first: by predicted IoU if nothing else is asked
    best: Tensor  # (B,) index of the candidate that is taken
    pointers: Tensor  # (B, width), object pointers
    object_scores: Tensor  # (B, 1) logits, <= 0: absent

    @property
    def best_logits(self) -> Tensor:
        """(B, 1, S / 4, S / 4) logits of the best candidate."""
        return self.logits[torch.arange(len(self.best), device=self.best.device), self.best][:, None]

    @property
    def best_ious(self) -> Tensor:
        """(B,) predicted IoU of the best candidate."""
        return self.ious[torch.arange(len(self.best), device=self.best.device), self.best]


@dataclass(frozen=True)
class Memory:
    """What is remembered of B objects: K maps and P pointers, the same K and P for each of them.

    ``ages`` counts frames back from the present one, 1 for the last; 0 marks a prompted frame whatever its age.
    ``times`` are signed distances of the pointers' frames, in frames, and ``span`` the largest distance in use.
    """

    maps: Sequence[Tensor]  # K of (B, memory_width, S / 16, S / 16)
    ages: Sequence[int]
    pointers: Sequence[Tensor]  # P of (B, width)
    times: Sequence[float]
    span: int


class Sam2(nn.Module):
    """The network of one config. See the module's docstring for the calls."""

    quick_dtype: torch.dtype | None = None
    """The type in which the heavy parts may be run where exact figures are not asked for; None: that of the weights."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, memory_width = config.width, config.memory_width
        self.image_encoder = ImageEncoder(config)
        self.memory_attention = MemoryAttention(config)
        self.memory_encoder = MemoryEncoder(config)
        self.sam_prompt_encoder = PromptEncoder(config)
        self.sam_mask_decoder = MaskDecoder(config)
        self.mask_downsample = nn.Conv2d(1, 1, 4, stride=4)
        self.obj_ptr_proj = MLP(width, width, width, 3)
        if config.pointer_time:
            self.obj_ptr_tpos_proj = nn.Linear(width, memory_width)
        self.maskmem_tpos_enc = nn.Parameter(torch.randn(config.memories, 1, 1, memory_width) * 0.02)
        self.no_mem_embed = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        # Part of every published checkpoint, used by none.
        self.no_mem_pos_enc = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.no_obj_ptr = nn.Parameter(torch.randn(1, width) * 0.02)
        if config.absent_embedding:
            self.no_obj_embed_spatial = nn.Parameter(torch.randn(1, memory_width) * 0.02)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.no_mem_embed.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights of the heavy parts, in which features and memories are (see ``precision``)."""
        weight: Tensor = self.memory_encoder.out_proj.weight
        return weight.dtype

    def encode_image(self, images: Tensor) -> ImageFeatures:
        """Features of (B, 3, S, S) normalised images."""
        stride4, stride8, stride16 = self.image_encoder(images)
        decoder = self.sam_mask_decoder
        return ImageFeatures(stride16, self._fine(decoder.conv_s1, stride8), self._fine(decoder.conv_s0, stride4))

    def _fine(self, conv: nn.Module, features: Tensor) -> Tensor:
        """A convolution of the decoder that belongs to the image alone and is run in the image's type."""
        weight, bias = conv.get_parameter("weight"), conv.get_parameter("bias")
        return F.conv2d(features, weight.to(features.dtype), bias.to(features.dtype))

    def without_memory(self, features: ImageFeatures) -> Tensor:
        """Stride-16 features for frames on which nothing is remembered: (B, width, S / 16, S / 16)."""
        return features.stride16 + self.no_mem_embed.view(1, -1, 1, 1).to(features.stride16.dtype)

    def condition(self, features: ImageFeatures, memory: Memory) -> Tensor:
        """Stride-16 features conditioned on ``memory``: (B, width, S / 16, S / 16).

        Where all objects see the same image, its features need be given once only, as a batch of 1; so it is in
        :meth:`decode`, :meth:`segment` and :meth:`encode_memory`.
        """
        if not memory.maps:
            return self.without_memory(features)
        tokens, positions, dtype = [], [], self.dtype
        for memory_map, age in zip(memory.maps, memory.ages, strict=True):
            side = memory_map.shape[-1]
            place = sine_map(memory_map.shape[1], self.config.feature_size, side, memory_map.device, dtype)
            time = self.maskmem_tpos_enc[(age or self.config.memories) - 1]
            tokens.append(memory_map.to(dtype).flatten(2).transpose(1, 2))
            positions.append(place.flatten(2).transpose(1, 2) + time.to(dtype))
        placeless = 0
        if memory.pointers:
            pointers = torch.stack(list(memory.pointers), dim=1)
            tokens.append(pointers.reshape(pointers.shape[0], -1, self.config.memory_width).to(dtype))
            positions.append(self._pointer_positions(memory).to(dtype))
            placeless = tokens[-1].shape[1]
        kinds = torch.cat(tokens, dim=1), torch.cat(positions, dim=1)
        out: Tensor = self.memory_attention(features.stride16, *kinds, placeless)
        return out

    def _pointer_positions(self, memory: Memory) -> Tensor:
        """(1, P * pointer_tokens, memory_width): every token of a pointer has its frame's place in time."""
        times = to_device(torch.tensor(memory.times, dtype=torch.float32), self.device)
        if self.config.pointer_time:
            code = sine_of_time(times / max(memory.span - 1, 1), self.config.width)
            position: Tensor = self.obj_ptr_tpos_proj(code.to(self.maskmem_tpos_enc.dtype))
        else:
            position = times.new_zeros(len(times), self.config.memory_width)
        return position.repeat_interleave(self.config.pointer_tokens, dim=0)[None]

    def decode(
        self,
        image: Tensor,
        features: ImageFeatures,
        xy: Tensor | None = None,
        labels: Tensor | None = None,
        mask_logits: Tensor | None = None,
    ) -> DecodedMasks:
        """All four masks of the decoder for B objects, raw.

        Args:
            image: (B, width, S / 16, S / 16) from :meth:`without_memory` or :meth:`condition`.
            features: those of the same B images; only the finer maps are used.
            xy, labels: (B, N, 2) points (x, y) in input pixels and their (B, N) labels; None: no points.
            mask_logits: (B, 1, S / 4, S / 4) logits of an earlier answer or of a mask.
        """
        batch, dtype = image.shape[0], self.no_mem_embed.dtype
        spoken = mask_logits is not None
        if xy is None or labels is None:
            xy, labels = (
                torch.zeros(batch, 1, 2, device=image.device),
                torch.full((batch, 1), PADDING, device=image.device),
            )
        elif self.config.prompt_discs:
            spoken = spoken or bool((labels >= 0).any())
        encoder, side = self.sam_prompt_encoder, image.shape[-1]
        sparse = encoder.points(xy, labels, side)
        if self.config.prompt_discs and spoken:
            mask_logits = draw(xy, labels, mask_logits, 4 * side).to(dtype)
        dense = encoder.dense(mask_logits, batch, side)
        out: DecodedMasks = self.sam_mask_decoder(
            image.to(dtype),
            encoder.position(side),
            sparse,
            dense,
            features.stride8.to(dtype),
            features.stride4.to(dtype),
        )
        return out

    def segment(
        self,
        image: Tensor,
        features: ImageFeatures,
        xy: Tensor | None = None,
        labels: Tensor | None = None,
        mask_logits: Tensor | None = None,
        *,
        several: bool,
        chosen: int = 0,
        prefer: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Segmentation:
        """Answer as in a video: absent objects are empty, and the pointer of the best candidate is kept.

        ``several`` asks for three candidates (ambiguous prompts and tracking) instead of one. ``chosen`` takes, instead
        of the best of them, the one that is so many places further down. ``prefer`` makes, of the candidates' logits
        (B, M, S / 4, S / 4) and predicted IoUs (B, M), what they are ranked by (B, M); without it they are by predicted
        IoU. Other arguments as in :meth:`decode`.
        """
        decoded = self.decode(image, features, xy, labels, mask_logits)
        decoded = three_masks(decoded) if several else one_mask(decoded)
        present = decoded.object_scores > 0
        logits = torch.where(present[..., None, None], decoded.logits, ABSENT_LOGIT)
        ranks = decoded.ious if prefer is None else prefer(decoded.logits, decoded.ious)
        order = ranks.argsort(dim=1, descending=True, stable=True)
        best = order[:, min(chosen, order.shape[1] - 1)]
        token = decoded.tokens[torch.arange(len(best), device=best.device), best.clamp(max=decoded.tokens.shape[1] - 1)]
        pointers = torch.where(present, self.obj_ptr_proj(token), self.no_obj_ptr)
        return Segmentation(logits, decoded.ious, order, best, pointers, decoded.object_scores)

    def answer_with_mask(self, features: ImageFeatures, masks: Tensor) -> Segmentation:
        """Take (B, 1, S, S) masks of zeros and ones as the answer itself; the decoder makes only the pointers."""
        logits = masks * MASK_SCALE + MASK_BIAS
        size = masks.shape[-1] // 4
        # Apple's graphics processors know it since torch 2.7 only, and it is little work.
        near = logits.cpu() if logits.device.type == "mps" else logits
        small = F.interpolate(near, (size, size), mode="bilinear", align_corners=False, antialias=True)
        small = small.to(logits.device)
        decoded = self.segment(features.stride16, features, mask_logits=self.mask_downsample(masks), several=False)
        present = (masks.flatten(1) > 0).any(dim=1, keepdim=True)
        pointers = torch.where(present, decoded.pointers, self.no_obj_ptr)
        ones = torch.ones_like(present, dtype=small.dtype)
        scores = ones * MASK_SCALE * present + MASK_BIAS
        return Segmentation(small, ones, decoded.order, decoded.best, pointers, scores)

    def encode_memory(
        self, features: ImageFeatures, mask_logits: Tensor, object_scores: Tensor, *, prompted: bool
    ) -> Tensor:
        """Memory of B objects: (B, memory_width, S / 16, S / 16).

        Args:
            features: raw features of the frame.
            mask_logits: (B, 1, S / 4, S / 4) or (B, 1, S, S) logits of the objects' masks.
            object_scores: (B, 1) logits.
            prompted: the user has spoken on this frame: its mask is remembered as certain.
        """
        side = (16 * features.stride16.shape[-2], 16 * features.stride16.shape[-1])
        if mask_logits.shape[-2:] != side:
            mask_logits = F.interpolate(mask_logits.float(), side, mode="bilinear", align_corners=False)
        probability = (mask_logits > 0).float() if prompted else mask_logits.sigmoid()
        scaled = (probability * MASK_SCALE + MASK_BIAS).to(features.stride16.dtype)
        memory: Tensor = self.memory_encoder(features.stride16, scaled)
        if self.config.absent_embedding:
            absent = (object_scores <= 0).to(memory.dtype)
            memory = memory + absent[..., None, None] * self.no_obj_embed_spatial[..., None, None].to(memory.dtype)
        return memory
