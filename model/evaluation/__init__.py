"""Measures a model on real recordings that it has never seen: ``python -m evaluation`` from ``model/``."""
