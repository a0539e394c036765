"""What the tracker says when it is used wrongly."""


class TrackingError(ValueError):
    """A prompt, stack or request that cannot be used; the message is for the user and says what to do."""
