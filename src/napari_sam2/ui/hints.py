"""The one line in the widget that says what to do next. Pure functions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Situation:
    """What the hint depends on.

    Attributes:
        image: an image is chosen.
        flat: the viewer shows the y-x view of the image, where clicks land on pixels.
        armed: a click or a drag in the image makes a prompt.
        frames: how many frames the image has.
        loading: what is being loaded, or "".
        running: frames are being segmented.
        drawing: the next prompt is a box.
        prompts: any object has a prompt.
        current: the current object has a prompt.
        propagated: masks have been carried through the frames.
        stale: prompts have changed since then.
    """

    image: bool = True
    flat: bool = True
    armed: bool = True
    frames: int = 2
    loading: str = ""
    running: bool = False
    drawing: bool = False
    prompts: bool = False
    current: bool = False
    propagated: bool = False
    stale: bool = False


def hint(now: Situation) -> str:
    """What to do next."""
    if not now.image:
        return "Open an image: drop a file onto the viewer."
    if now.loading:
        return f"Loading {now.loading}. You can click already."
    if now.running:
        return "Following the cells. Look around, or correct a frame by clicking."
    if not now.flat:
        return "Switch the viewer back to 2-D with y and x on screen, then click a cell."
    if not now.armed:
        return "Another layer or tool is selected. Press Q to go on clicking cells, H to draw boxes."
    gesture = "Draw a box around" if now.drawing else "Click"
    if not now.prompts:
        return f"{gesture} a cell."
    if not now.current:
        return f"{gesture} the next cell" + ("." if now.frames == 1 else ", or Propagate (G).")
    if now.propagated and not now.stale:
        return "Look through the frames. Where it is wrong: click what is missing, Shift-click what is too much."
    if now.propagated:
        return "Corrected. Propagate (G) again to carry it to the other frames."
    if now.frames == 1:
        return "Shift-click what is too much. Next cell: N."
    return "Shift-click what is too much. Next cell: N. All frames: Propagate (G)."


def remaining_text(seconds: float | None) -> str:
    """Remaining time in words, short: "3 s left"."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    if seconds < 3600:
        return f"{round(seconds / 60)} min left"
    return f"{seconds / 3600:.1f} h left"
