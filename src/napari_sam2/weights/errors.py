"""What can go wrong with weights, as one line for the user."""


class ModelError(ValueError):
    """No usable model; the message says which, why, and what to do."""


class DownloadError(ModelError):
    """Weights could not be fetched; the message says how to go on, also without a network."""
