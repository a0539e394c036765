"""Products of matrices, by the library that is quicker at them, and work in pieces that fit into a cache.

For float32 torch asks a BLAS, which in its releases for x86 is MKL; on processors of other makers that uses half of
what their AVX-512 units can do. Convolutions go to oneDNN, which uses all of it: a linear layer is a convolution with a
kernel of one pixel. The sums are the same in another order. docs/performance.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEWEST_ROWS = 512
"""With fewer rows, laying out the weights for oneDNN takes longer than it saves."""


@cache
def _wide() -> bool:
    there: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return there and torch.backends.cpu.get_cpu_capability() == "AVX512"


def by_convolution(x: Tensor) -> bool:
    """Whether products with ``x`` are quicker as convolutions: without gradients, in float32, on a wide CPU."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled() and _wide()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``F.linear``: (..., K) by (N, K) to (..., N)."""
    rows = x.numel() // x.shape[-1] if x.numel() else 0
    if rows < FEWEST_ROWS or not by_convolution(x):
        return F.linear(x, weight, bias)
    # One image, its pixels the rows and its channels the columns, as they lie.
    pixels = x.reshape(1, rows, 1, x.shape[-1]).permute(0, 3, 1, 2)
    found = F.conv2d(pixels, weight[:, :, None, None], bias)
    return found.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """``nn.Linear`` by :func:`linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def in_pieces(work: Callable[[Tensor], Tensor], x: Tensor, rows: int) -> Tensor:
    """``work(x)`` for work that treats the rows of the first axis one by one.

    On a CPU in pieces of ``rows``: what is needed on the way stays in the cache, and large tensors that are made and
    let go of again cost as much as the work itself.
    """
    if x.device.type != "cpu" or torch.is_grad_enabled() or len(x) <= rows:
        return work(x)
    return torch.cat([work(part) for part in torch.split(x, rows)])
