"""Plain English for what is counted. Must not know what it is about."""


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural but for one; `plural` is that of a noun without -s."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {plural or f'{noun}s'}"


def place_words(location: str, count: int) -> str:
    """Return where something is that was found so many times, the first time at `location`, perhaps always there."""
    if count == 1:
        return location
    return f"{location} ({count_of(count, 'time')})".strip()


def kind_words(kinds: int, times: int, noun: str) -> str:
    """Return how many kinds of a thing there are, and how often they were found where that is more."""
    words = count_of(kinds, noun)
    return f"{words} ({times} times)" if times > kinds else words
