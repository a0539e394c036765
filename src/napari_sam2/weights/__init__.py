"""Weights of the models: which are published, how they get here, how they become a network."""
