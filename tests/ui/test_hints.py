"""Hints, times, model names and the size of a propagation."""

import pytest

from napari_sam2.ui.hints import Situation, hint, remaining_text
from napari_sam2.ui.inference import Route
from napari_sam2.ui.key_reference import reference_html
from napari_sam2.ui.keys import REVIEW_SHORTCUTS, SHORTCUTS
from napari_sam2.ui.models import is_here, model_choices, model_text
from napari_sam2.ui.propagation import frames_to_do


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Situation(image=False), "Open an image"),
        (Situation(), "Click a cell."),
        (Situation(tool="box"), "Draw a box around a cell."),
        (Situation(tool="lasso"), "Draw a line around a cell."),
        (Situation(tool="paint", prompts=True, current=True), "what you paint holds"),
        (Situation(proposals=3, armed=False), "Click a proposal to accept it"),
        (Situation(prompts=True, current=True, readings=True), "Shift-Q takes the next"),
        (Situation(loading="micro (bundled)"), "Loading micro (bundled)"),
        (Situation(flat=False), "back to 2-D"),
        (Situation(armed=False), "Press Q"),
        (Situation(prompts=True), "next cell, or Propagate (G)"),
        (Situation(prompts=True, frames=1), "the next cell."),
        (Situation(prompts=True, current=True), "All frames: Propagate (G)"),
        (Situation(prompts=True, current=True, frames=1), "Next cell: N."),
        (Situation(prompts=True, current=True, running=True), "Following"),
        (Situation(prompts=True, current=True, propagated=True), "Look through"),
        (Situation(prompts=True, current=True, propagated=True, doubtful=0), "Look through"),
        (Situation(prompts=True, current=True, propagated=True, doubtful=1), "1 doubtful place: press ."),
        (Situation(prompts=True, current=True, propagated=True, doubtful=12), "12 doubtful places"),
        (
            Situation(prompts=True, current=True, propagated=True, again="frames 1–5 of mother"),
            "does frames 1–5 of mother; the rest stays",
        ),
    ],
)
def test_what_to_do_next(now, words):
    assert words in hint(now)


def test_a_single_image_is_never_sent_to_propagate():
    for current in (False, True):
        assert "Propagate" not in hint(Situation(prompts=True, current=current, frames=1))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, ""), (0.2, "1 s left"), (59, "59 s left"), (150, "2 min left"), (7200, "2.0 h left")],
)
def test_remaining_time_is_short(seconds, text):
    assert remaining_text(seconds) == text


def test_the_bundled_model_comes_first_and_names_are_readable():
    choices = model_choices()
    assert choices[0] == ("micro (bundled)", "micro")
    assert ("SAM 2.1 base+", "sam2.1_hiera_base_plus") in choices
    assert len({text for text, _ in choices}) == 9
    assert model_text("/somewhere/mine.pt") == "mine.pt"


def test_only_published_models_need_a_download(tmp_path):
    assert is_here("micro", "")
    assert is_here("/somewhere/mine.pt", "")
    assert not is_here("sam2.1_hiera_tiny", str(tmp_path))
    (tmp_path / "sam2.1_hiera_tiny.pt").write_bytes(b"")
    assert is_here("sam2.1_hiera_tiny", str(tmp_path))


@pytest.mark.parametrize(
    ("prompted", "plan", "count"),
    [
        ([(1, 4)], ("forward", 0, 9), 6),
        ([(1, 4)], ("backward", 0, 9), 5),
        ([(1, 4)], ("both", 0, 9), 10),
        ([(1, 4), (1, 7)], ("backward", 0, 9), 8),
        ([(1, 2), (2, 6)], ("both", 0, 9), 14),
        ([(1, 4)], ("both", 2, 6), 5),
        ([(1, 4)], ("forward", 0, 3), 0),
        ([(1, 4)], ("both", 6, 8), 5 - 2),
    ],
)
def test_how_many_results_a_propagation_has(prompted, plan, count):
    assert frames_to_do(prompted, Route(*plan, {})) == count
    # The same, where every frame is a volume of three slices and the prompts are in the middle ones.
    direction, first, last = plan
    volumes = [(item, 3 * frame + 1) for item, frame in prompted]
    assert frames_to_do(volumes, Route(direction, 3 * first, 3 * last + 2, {}), 3) == 3 * count


def test_the_key_reference_names_every_key():
    page = reference_html()
    for shortcut in (*SHORTCUTS, *REVIEW_SHORTCUTS):
        assert f"<code>{shortcut.key}</code>" in page
        assert shortcut.does in page
