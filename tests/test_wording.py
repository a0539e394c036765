"""Words that are put together."""

import pytest

from napari_sam2.wording import counted


@pytest.mark.parametrize(("number", "text"), [(0, "0 objects"), (1, "1 object"), (2, "2 objects")])
def test_things_are_counted(number, text):
    assert counted(number, "object") == text
