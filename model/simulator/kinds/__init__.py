"""The kinds of microscopy that are imitated: functions (rng, frames, size) -> Scene, and how often each is drawn."""

from . import bacteria, bodies, electron, nuclei, tissue, volume

TABLE = {
    "nuclei_sparse": (nuclei.sparse, 0.09),
    "nuclei_dense": (nuclei.dense, 0.17),
    "nuclei_textured": (nuclei.textured, 0.15),
    "bacteria_phase": (bacteria.phase, 0.19),
    "bacteria_glow": (bacteria.glowing, 0.04),
    "cytoplasm": (bodies.cytoplasm, 0.07),
    "cells_phase": (bodies.phase, 0.06),
    "cells_relief": (bodies.relief, 0.04),
    "membranes": (tissue.membranes, 0.06),
    "stained": (tissue.stained, 0.04),
    "z_stack": (volume.stack, 0.05),
    "organs": (volume.organs, 0.03),
    "organelles": (electron.organelles, 0.03),
}
