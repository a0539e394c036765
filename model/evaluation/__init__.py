"""Measures a model on real recordings that it has never seen. Start it with ``python -m evaluation`` from ``model/``."""
