"""The one line in the widget that says what to do next. Pure functions."""

from dataclasses import dataclass

from napari_sam2.wording import counted


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
        paused: that is held for a while.
        tool: what the next gesture in the image is: "points", "box", "lasso", "scribble" or "paint".
        proposals: how many proposed objects wait to be accepted or rejected.
        marked: one of two proposals that are to become one has been chosen.
        readings: the click on the current object can mean something else, too.
        prompts: any object has a prompt.
        current: the current object has a prompt.
        propagated: masks have been carried through the frames.
        again: what would be done anew, "" when nothing has changed since then.
        accepted: the current object is accepted on the frame on screen.
        mother: whose daughter the current object is, "" for none.
        doubtful: how many doubtful places the review lists, None while it is closed.
    """

    image: bool = True
    flat: bool = True
    armed: bool = True
    frames: int = 2
    loading: str = ""
    running: bool = False
    paused: bool = False
    tool: str = "points"
    proposals: int = 0
    readings: bool = False
    prompts: bool = False
    marked: bool = False
    current: bool = False
    propagated: bool = False
    again: str = ""
    accepted: bool = False
    mother: str = ""
    doubtful: int | None = None


def hint(now: Situation) -> str:
    """What to do next."""
    if not now.image:
        return "Open an image: drop a file onto the viewer."
    if now.loading:
        return f"Loading {now.loading}. You can click already."
    if now.paused:
        return "Paused. Look around, correct, then Resume; Cancel keeps what is finished."
    if now.running:
        return "Following the cells. Look around, correct a frame, click more: G carries that on afterwards."
    if not now.flat:
        return "Switch the viewer back to 2-D with y and x on screen, then click a cell."
    if now.marked:
        return "Ctrl-click the other part of the cell: the two proposals become one."
    if now.proposals:
        return "Click a proposal to accept it, Shift-click to reject it; Ctrl-click two to make them one. All: Shift-K."
    if not now.armed:
        return "Another layer or tool is selected. Press Q to go on clicking cells, H to draw boxes."
    gesture = _GESTURES[now.tool]
    if not now.prompts:
        return f"{gesture} a cell."
    if not now.current and now.mother:
        return f"{gesture} the daughter of {now.mother} that has no mask yet, then Propagate (G)."
    if not now.current:
        return f"{gesture} the next cell" + ("." if now.frames == 1 else ", or Propagate (G).")
    if now.tool == "paint":
        return "Paint or erase: what you paint holds. Next cell: N. Back to clicking: Q. All frames: Propagate (G)."
    if now.propagated and now.again:
        return f"Propagate (G) again does {now.again}; the rest stays."
    if now.propagated and now.accepted:
        return "Accepted: propagation leaves this frame alone and goes by it. Press U to take that back."
    if now.propagated and now.doubtful:
        places = counted(now.doubtful, "doubtful place")
        return f"{places}: press . to go to the next. Wrong: click, Shift-click. Right: U accepts it."
    if now.propagated:
        return (
            "Look through the frames. Wrong: click what is missing, Shift-click what is too much. Right: U accepts it."
        )
    if now.readings:
        return "This click can mean more, see the thin lines: Shift-Q takes the next. Next cell: N."
    if now.frames == 1:
        return "Shift-click what is too much. Next cell: N."
    return "Shift-click what is too much. Next cell: N. All frames: Propagate (G)."


_GESTURES = {
    "points": "Click",
    "box": "Draw a box around",
    "lasso": "Draw a line around",
    "scribble": "Draw a line along",
    "paint": "Paint",
}


def remaining_text(seconds: float | None) -> str:
    """Remaining time in words, short: "3 s left"."""
    if not seconds:
        return ""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    if seconds < 3600:
        return f"{round(seconds / 60)} min left"
    return f"{seconds / 3600:.1f} h left"
