"""A graphics processor that is none: tensors that say that they lie on one, and are computed here.

Like a real one, it refuses to mix its tensors with others, and to be read without a copy. What keeps a real one waiting
is noted: whenever the program needs a value of it, or gives it one out of pages that may move.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

aten = torch.ops.aten
Net = TypeVar("Net", bound=nn.Module)


class There(Tensor):
    """A tensor that lies on a device, as far as Python can tell. To torch itself it has no values at all."""

    here: Tensor
    home: torch.device

    @staticmethod
    def __new__(cls, here: Tensor, home: torch.device) -> There:
        like = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        with torch.inference_mode():  # whose views may be taken in inference mode
            out: There = Tensor._make_wrapper_subclass(cls, here.shape, device="meta", **like)  # type: ignore
        out.here, out.home = here, home
        return out

    device = property(lambda self: self.home)  # type: ignore[assignment]
    is_meta = property(lambda self: False)  # type: ignore[assignment]

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"There({self.here!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} was called where the device is not pretended")


class Pretended(TorchDispatchMode):
    """While it lasts, a device of this kind ("cuda" or "mps") is there."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.home = torch.device(kind, 7)  # what is cached for it is no real one's
        self.waits: list[str] = []
        self.fetched = 0
        """Tensors that the device fetched out of pinned pages."""
        self._pinned: dict[int, Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (aten.pin_memory.default, aten._pin_memory.default):
            assert self.home.type == "cuda"
            pages = args[0].clone()
            self._pinned[pages.data_ptr()] = pages
            return pages
        assert "float64" not in str(kwargs.get("dtype")) or self.home.type == "cuda", f"{func} in double precision"
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        there = [one for one in given if isinstance(one, There)]
        target = torch.device(kwargs["device"]).type if kwargs.get("device") is not None else None
        arrives = target in (self.home.type, "meta")
        if not there and not arrives:
            return func(*args, **kwargs)
        if self.home.type == "mps":
            self._apple(str(func), args)
        with self:  # inference mode brings operations that are made of others
            found = func.decompose(*args, **kwargs)
        if found is not NotImplemented:
            return found
        if arrives:
            kwargs["device"] = torch.device("cpu")
        self._look(func, args, given, there, leaves=target == "cpu")
        owners = {id(one.here): one for one in there}
        found = func(*tree_map(_here, args), **tree_map(_here, kwargs))
        if target == "cpu" or (func is aten.copy_.default and not isinstance(args[0], There)):
            return found

        def back(one: Any) -> Any:
            return owners.get(id(one), There(one, self.home)) if isinstance(one, Tensor) else one

        return tree_map(back, found)

    @staticmethod
    def _apple(name: str, args: Any) -> None:
        """Refuse what torch has for Apple's graphics processors in later releases only."""
        assert "bicubic" not in name, "not before torch 2.6"
        assert "_aa" not in name, "not before torch 2.7"
        if "scaled_dot_product" in name:
            assert args[0].shape[-1] == args[2].shape[-1], "wrong before torch 2.12"

    def _look(self, func: Any, args: Any, given: list[Tensor], there: list[There], *, leaves: bool) -> None:
        """Note who waits, and refuse what a device would."""
        copies = func in (aten._to_copy.default, aten.copy_.default)
        for one in given:
            if isinstance(one, There) or (one.dim() == 0 and not copies):
                continue
            assert copies or func is aten.index.Tensor, f"{func} of tensors on two devices"
            if one.data_ptr() in self._pinned:
                self.fetched += 1
            else:
                self.waits.append(f"{func} from here")
        by_mask = func is aten.index.Tensor and any(i is not None and i.dtype == torch.bool for i in args[1])
        if there and (leaves or by_mask or func in (aten._local_scalar_dense.default, aten.nonzero.default)):
            self.waits.append(str(func))

    def moved(self, model: Net) -> Net:
        """A copy of a network with its weights there."""
        out = copy.deepcopy(model)
        for module in out.modules():
            for name, weight in module._parameters.items():
                if weight is not None:
                    module._parameters[name] = There(weight.detach(), self.home)  # type: ignore[assignment]
                    module._parameters[name]._is_param = True  # type: ignore[union-attr]
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = There(buffer, self.home)
        return out


def _here(one: Any) -> Any:
    return one.here if isinstance(one, There) else one
