"""Damages bytes at random, by a seed, as wires, proxies and careless programs do: one damage at a time."""

import random
from collections.abc import Callable

Damage = Callable[[random.Random, bytes], bytes]
_SIGNS = b"{}[]\",:<>/='& x"
_INSERTED = (b"\xff", b'"', b"}", b"]", b"{", b"[", b",", b":", b"<", b">", b"&", b"x", b"\0", b"\x1b", b"NaN", b"\\")
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-8-sig")


def flip_bit(chance: random.Random, data: bytes) -> bytes:
    """Turn one bit over."""
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def cut(chance: random.Random, data: bytes) -> bytes:
    """Leave out the end."""
    return data[: chance.randrange(1, len(data))]


def insert(chance: random.Random, data: bytes) -> bytes:
    """Put something in between."""
    at = chance.randrange(len(data))
    return data[:at] + chance.choice(_INSERTED) + data[at:]


def leave_out(chance: random.Random, data: bytes) -> bytes:
    """Leave out one byte."""
    at = chance.randrange(len(data))
    return data[:at] + data[at + 1 :]


def write_over(chance: random.Random, data: bytes) -> bytes:
    """Write another sign over one that gives the text its structure."""
    places = [at for at, byte in enumerate(data) if byte in _SIGNS]
    at = chance.choice(places)
    return data[:at] + bytes([chance.choice(_SIGNS)]) + data[at + 1 :]


def recode(chance: random.Random, data: bytes) -> bytes:
    """Write the text in another encoding, of which nobody says anything."""
    return data.decode().encode(chance.choice(_ENCODINGS), "replace")


KINDS: tuple[Damage, ...] = (flip_bit, cut, insert, leave_out, write_over, recode)


def damaged(seed: int, data: bytes) -> bytes:
    """Return bytes with the damage of a seed."""
    chance = random.Random(seed)
    return chance.choice(KINDS)(chance, data)
