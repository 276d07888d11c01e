"""Plain English for what is counted. Must not know what it is about."""


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural but for one; `plural` is that of a noun without -s."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {plural or f'{noun}s'}"


def place_words(location: str, count: int) -> str:
    """Return where something is that was found so many times, the first time at `location`."""
    if count == 1:
        return location
    return f"{location} (and {count_of(count - 1, 'more place')})".strip()


def kind_words(kinds: int, places: int, noun: str) -> str:
    """Return how many kinds of a thing there are, and in how many places where these are more."""
    words = count_of(kinds, noun)
    return f"{words} in {places} places" if places > kinds else words
