"""What all tests share: no test reaches the network or the user's own files."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# No test is timed: on a busy computer any example may take long.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads and notes of a test go into folders of its own."""
    monkeypatch.setenv("NAPARI_SAM2_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("NAPARI_SAM2_STATE", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("NAPARI_SAM2_SESSIONS", str(tmp_path_factory.mktemp("sessions")))
    for variable in ("NAPARI_SAM2_MIRROR", "NAPARI_SAM2_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def cache(_own_cache: None) -> Path:
    """The cache folder of this test."""
    from napari_sam2.weights.download import cache_folder

    return cache_folder()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A web server on this machine, reached without a proxy; see webserver.Site."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    webserver = _neighbour("webserver")
    with webserver.serving() as running:
        yield running


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Graphics processors that are none: ``pretend("cuda")`` is a context, see pretended.Pretended."""
    monkeypatch.setattr("torch.cuda._lazy_init", lambda: None)  # there is no driver to be asked
    return _neighbour("pretended").Pretended


def _neighbour(name: str) -> Any:
    """A module beside this file; test files are not importable by name."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module
