"""The package as a whole: what importing it costs, its public names, its metadata."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import napari_sam2

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "numpy", "napari", "qtpy", "dask", "zarr", "tifffile", "scipy", "skimage", "pydantic", "requests")


def modules_after(code: str) -> set[str]:
    """Top-level modules that are loaded in a fresh interpreter after `code`."""
    script = f"import sys\n{code}\nsys.stdout.write('|' + ' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("|")[2].split())


@pytest.mark.parametrize("code", ["import napari_sam2", "import napari_sam2.cli"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    loaded = modules_after(code)
    assert "napari_sam2" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    ("said", "expected"), [({}, "1000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None), ({"GOMP_SPINCOUNT": "7"}, "7")]
)
def test_threads_wait_asleep_before_long_unless_told_otherwise(said: dict[str, str], expected: str | None) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    script = "import os, napari_sam2; print(os.environ.get('GOMP_SPINCOUNT'))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env={**plain, **said}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(expected)


def test_help_loads_nothing_heavy() -> None:
    loaded = modules_after(
        "import napari_sam2.cli\ntry: napari_sam2.cli.main(['segment', '--help'])\nexcept SystemExit: pass"
    )
    assert not loaded & set(HEAVY)


def test_public_names() -> None:
    for name in napari_sam2.__all__:
        assert getattr(napari_sam2, name) is not None
        assert name in dir(napari_sam2)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        napari_sam2.nonsense  # noqa: B018


def test_metadata() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "Framework :: napari" in project["classifiers"]
    assert project["requires-python"] == ">=3.11"
    assert project["license"] == "BSD-3-Clause"
    names = {re.split(r"[<>=\[]", dependency)[0].lower() for dependency in project["dependencies"]}
    assert not names & {"pyqt5", "pyqt6", "pyside2", "pyside6"}, "Qt is the user's choice"
    assert project["optional-dependencies"]["all"] == ["napari[all]", "napari-sam2[formats]"]
    assert version("napari-sam2") == napari_sam2.__version__
    assert any(entry.value == "napari_sam2:napari.yaml" for entry in entry_points(group="napari.manifest"))


def test_the_changelog_and_the_citation_know_this_version() -> None:
    assert f"## {napari_sam2.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert f"version: {napari_sam2.__version__}" in (ROOT / "CITATION.cff").read_text()


def test_the_manifest_at_the_top_is_the_one_in_the_package() -> None:
    top, inside = ROOT / "napari.yaml", ROOT / "src" / "napari_sam2" / "napari.yaml"
    # Where links are not kept (Windows), a checked-out link is a text with the target's name.
    assert top.read_text() in (inside.read_text(), "src/napari_sam2/napari.yaml")
