"""What counts as memory that ran out, on any device."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.sam2 import ImageFeatures, Memory, Sam2
from napari_sam2.tracking import Tracker, TrackerOptions
from napari_sam2.tracking.shortage import out_of_memory


@pytest.mark.parametrize(
    ("error", "so"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 18.05 GB, max allowed: 18.13 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 8 bytes"), True),
        (MemoryError(), True),
        (RuntimeError("Expected all tensors to be on the same device"), False),
        (OSError("the disk is out of memory"), False),
    ],
)
def test_memory_that_ran_out_is_told_from_other_errors(error: Exception, so: bool) -> None:
    assert out_of_memory(error) == so


@pytest.mark.parametrize("said", ["MPS backend out of memory (MPS allocated: 18 GB)", "shapes do not fit"])
def test_batches_become_smaller_for_no_other_error(
    said: str, whole_frame_model: Sam2, stack: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = Sam2.condition

    def condition(self: Sam2, features: ImageFeatures, memory: Memory) -> torch.Tensor:
        sizes.append(len(memory.pointers[0]))
        if sizes[-1] > 1:
            raise RuntimeError(said)
        return real(self, features, memory)

    monkeypatch.setattr(Sam2, "condition", condition)
    tracker = Tracker(whole_frame_model, stack, TrackerOptions(view="frame", one_owner=False))
    tracker.add_box(1, 0, [20, 15, 40, 40])
    tracker.add_box(2, 0, [50, 60, 75, 85])
    results = tracker.propagate(stop=2)
    next(results)
    if "memory" in said:
        assert next(results).object_ids == (1, 2)
        assert sizes == [2, 1, 1]
    else:
        with pytest.raises(RuntimeError, match=said):
            next(results)
