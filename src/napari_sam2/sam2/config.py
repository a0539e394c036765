"""What a SAM 2 network looks like, as frozen data.

Every number that distinguishes one published model from another lives here; the modules read it and hold no numbers of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HieraConfig:
    """Trunk of the published models (Ryali et al. 2023, "Hiera"; window and position scheme of Bolya et al. 2023).

    ``windows`` gives the side of the attention window of each stage, in tokens; ``global_blocks`` are the blocks that
    attend over the whole image instead.
    """

    embed_dim: int
    heads: int
    depths: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    windows: tuple[int, int, int, int]
    position_grid: tuple[int, int]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the four stages, finest first."""
        return tuple(self.embed_dim * 2**stage for stage in range(4))


@dataclass(frozen=True)
class ConvTrunkConfig:
    """Convolutional trunk for CPUs (blocks after Liu et al. 2022, "ConvNeXt"): strides 4, 8, 16 and 32."""

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    kernel: int = 7
    expansion: int = 3


@dataclass(frozen=True)
class ModelConfig:
    """One SAM 2 network.

    The defaults are those of all eight published models. ``image_size`` is the side of the square input in pixels; the
    features have stride 16, mask logits stride 4.
    """

    name: str
    trunk: HieraConfig | ConvTrunkConfig
    image_size: int = 1024
    width: int = 256
    memory_width: int = 64

    top_down_levels: tuple[int, ...] = (2, 3)
    """Pyramid levels (0 is stride 4) that receive the next coarser one."""
    neck_norm: bool = False
    """Normalise each pyramid level; needed where the trunk is trained from scratch."""

    memory_layers: int = 4
    memory_ffn: int = 2048
    memories: int = 7
    """Embeddings of age in the memory bank: one for prompted frames and ``memories - 1`` for the previous frames."""
    max_pointers: int = 16
    pointer_time: bool = True
    """SAM 2.1: object pointers carry a position in time."""
    absent_embedding: bool = True
    """SAM 2.1: the memory of a frame in which the object is absent is marked."""

    decoder_heads: int = 8
    decoder_mlp: int = 2048

    prompt_discs: bool = False
    """Clicks and boxes are drawn into the dense mask prompt too, not given as tokens alone."""
    local_contrast: bool = False
    """Inputs are normalised by percentiles of the window instead of by ImageNet's mean and deviation."""
    windows: bool = False
    """Meant to look at a window around the object instead of the whole frame."""

    @property
    def feature_size(self) -> int:
        """Side of the stride-16 feature map, in tokens."""
        return self.image_size // 16

    @property
    def mask_size(self) -> int:
        """Side of the mask logits, in cells of 4 input pixels."""
        return self.image_size // 4

    @property
    def pointer_tokens(self) -> int:
        """Memory tokens that one object pointer is split into."""
        return self.width // self.memory_width
