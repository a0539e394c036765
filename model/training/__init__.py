"""Training of the bundled model on simulated microscopy. Start it with ``python -m training`` from ``model/``."""
