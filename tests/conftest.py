"""What all tests share: no test reaches the network or the user's own files."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads of a test go into a folder of its own."""
    monkeypatch.setenv("NAPARI_SAM2_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def cache(_own_cache: None) -> Path:
    """The cache folder of this test."""
    from napari_sam2.weights.download import cache_folder

    return cache_folder()
