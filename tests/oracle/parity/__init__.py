"""What both sides of the parity proof share: the same weights, the same frames, the same sequence of calls.

Everything here except `meta` (needs Meta's `sam2`) and `ours` (needs `napari_sam2`) is numpy only, so that
the two sides may live in different environments with different versions of torch.
"""
