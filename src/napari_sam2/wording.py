"""Words that every part of the program puts together alike."""


def counted(number: int, what: str) -> str:
    """ "1 frame", "2 frames"."""
    return f"{number} {what}{'' if number == 1 else 's'}"
