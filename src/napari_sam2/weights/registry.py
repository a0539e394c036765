"""The models that can be asked for by name: our bundled `micro` and the eight that Meta published."""

from dataclasses import dataclass
from pathlib import Path

from napari_sam2.weights.errors import ModelError

BUNDLED = "micro"
"""Comes with the package and works offline."""

META = "https://dl.fbaipublicfiles.com/segment_anything_2/"
"""Where Meta has published them."""
_SAM2 = f"{META}072824/"
_SAM2_1 = f"{META}092824/"

_BYTES_OF_A_TENSOR = 336  # beside its numbers, in a file of torch.save; as found in the one file whose size is known


@dataclass(frozen=True)
class PublishedModel:
    """One file of weights on the web.

    Attributes:
        name: what the user asks for; also the variant, a key of `napari_sam2.sam2.PRESETS`.
        url: where the file is.
        sha256: of the whole file, in hexadecimal.
        size: in bytes, None where it is not known beforehand.
        licence: SPDX identifier of the weights.
        parameters: how many numbers it holds, in so many `tensors`.
    """

    name: str
    url: str
    sha256: str
    size: int | None = None
    licence: str = "Apache-2.0"
    parameters: int = 0
    tensors: int = 0

    @property
    def filename(self) -> str:
        """Name of the file in the cache folder, as published."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def about(self) -> int:
        """Size of the file in bytes: the published one, or else to about a thousandth, from what is in it."""
        return self.size or 4 * self.parameters + _BYTES_OF_A_TENSOR * self.tensors


def _published(name: str, base: str, sha256: str, content: tuple[int, int], size: int | None = None) -> PublishedModel:
    return PublishedModel(name, f"{base}{name}.pt", sha256, size, parameters=content[0], tensors=content[1])


# fmt: off
_MODELS = (
    _published("sam2_hiera_tiny", _SAM2, "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125",
               (38_945_986, 468)),
    _published("sam2_hiera_small", _SAM2, "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3",
               (46_043_842, 516)),
    _published("sam2_hiera_base_plus", _SAM2, "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071",
               (80_833_666, 612)),
    _published("sam2_hiera_large", _SAM2, "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b",
               (224_430_130, 900)),
    _published("sam2.1_hiera_tiny", _SAM2_1, "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
               (38_962_498, 471), 156_008_466),
    _published("sam2.1_hiera_small", _SAM2_1, "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
               (46_060_354, 519)),
    _published("sam2.1_hiera_base_plus", _SAM2_1, "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
               (80_850_178, 615)),
    _published("sam2.1_hiera_large", _SAM2_1, "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
               (224_446_642, 903)),
)
# fmt: on

PUBLISHED: dict[str, PublishedModel] = {model.name: model for model in _MODELS}


def bundled_file() -> Path:
    """The weights that come with the package.

    Raises:
        ModelError: they are not there, so the installation is incomplete.
    """
    file = Path(__file__).with_name("micro.safetensors")
    if not file.is_file():
        raise ModelError(f"the bundled weights are missing ({file}); install napari-sam2 again")
    return file


def names() -> tuple[str, ...]:
    """All names that `load_model` knows, the bundled one first."""
    return BUNDLED, *PUBLISHED


def published(name: str) -> PublishedModel:
    """The published model of that name.

    Raises:
        ModelError: there is none; the message lists those that there are.
    """
    if name == BUNDLED:
        raise ModelError(f"{BUNDLED} comes with the package, there is nothing to download")
    try:
        return PUBLISHED[name]
    except KeyError:
        raise ModelError(f"there is no model {name!r}; there are {', '.join(names())}") from None
