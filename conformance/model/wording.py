"""Plain English for what is counted. Must not know what it is about."""


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural but for one; `plural` is that of a noun without -s."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {plural or f'{noun}s'}"
