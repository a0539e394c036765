"""How a command ends."""

DONE, UNUSABLE, INTERRUPTED = 0, 2, 130
