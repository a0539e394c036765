"""The kinds of microscopy that are imitated, each a function (rng, frames, size) -> Scene, and how often each is drawn."""

from . import bacteria, nuclei

TABLE = {
    "nuclei_sparse": (nuclei.sparse, 0.10),
    "nuclei_dense": (nuclei.dense, 0.18),
    "nuclei_textured": (nuclei.textured, 0.15),
    "bacteria_phase": (bacteria.phase, 0.20),
    "bacteria_glow": (bacteria.glowing, 0.03),
}
