"""The kinds of microscopy that are imitated: functions (rng, frames, size) -> Scene, and how often each is drawn."""

from . import bacteria, bodies, cysts, electron, nuclei, tissue, volume

TABLE = {
    "nuclei_sparse": (nuclei.sparse, 0.06),
    "nuclei_dense": (nuclei.dense, 0.13),
    "nuclei_textured": (nuclei.textured, 0.13),
    "bacteria_phase": (bacteria.phase, 0.13),
    "bacteria_glow": (bacteria.glowing, 0.05),
    "cytoplasm": (bodies.cytoplasm, 0.09),
    "cells_phase": (bodies.phase, 0.11),
    "cells_relief": (bodies.relief, 0.11),
    "membranes": (tissue.membranes, 0.05),
    "stained": (tissue.stained, 0.05),
    "z_stack": (volume.stack, 0.05),
    "organs": (volume.organs, 0.08),
    "organelles": (electron.organelles, 0.05),
    "organoids": (cysts.organoids, 0.04),
    "nuclei_clustered": (nuclei.clustered, 0.12),  # behind the others: scenes of evaluation are drawn by place
}
