"""What the controller knows, as the hint sees it."""

from typing import TYPE_CHECKING

from napari_sam2.ui.hints import Situation

if TYPE_CHECKING:
    from napari_sam2.ui.controller import Controller


def situation(control: "Controller") -> Situation:
    """What the hint depends on, now."""
    work = control.workspace
    if work is None:
        return Situation(image=False)
    plane, frame = work.visible()
    document, run, prompting = work.document, control.propagation, control.prompting
    outlook = control.outlook.of(work, plane, control.choice, control.wish)
    return Situation(
        flat=work.flat(),
        armed=work.armed(),
        frames=work.axes.frames,
        loading=control.loading.text,
        running=run.running,
        paused=run.paused,
        tool=prompting.tool,
        proposals=prompting.proposals.count,
        marked=prompting.proposals.marked,
        readings=prompting.readings.place == (plane, document.current, frame),
        prompts=document.has_prompts(),
        current=document.has_prompts(document.current),
        propagated=outlook.begun,
        again=outlook.again,
        accepted=control.accepted,
        mother=" and ".join(document.name(item) for item in document.parents.get(document.current, ())),
        doubtful=control.doubtful,
    )
