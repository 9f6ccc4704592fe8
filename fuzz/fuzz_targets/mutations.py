"""Changes to inputs by chance alone, for where no fuzzer is installed; the same seed gives the same inputs."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from fuzz_targets.target import Target

_INTERESTING = (0x00, 0x01, 0x04, 0x05, 0x10, 0x20, 0x7F, 0x80, 0xC0, 0xFF)


def mutations(target: Target, count: int, *, seed: int) -> Iterator[bytes]:
    """Make inputs for a target: its seeds, each changed in one to six places."""
    chance = Random(seed)  # noqa: S311 - repeatable on purpose
    seeds = target.seeds()

    def change(data: bytes, max_size: int) -> bytes:
        for _ in range(chance.randint(1, 6)):
            data = _changed(data, chance, target.words, seeds)
        return data[:max_size]

    for _ in range(count):
        data = chance.choice(seeds)
        if target.mutate is not None and chance.random() < 0.5:
            yield target.mutate(data, target.max_size, change)
        else:
            yield change(data, target.max_size)


def _changed(data: bytes, chance: Random, words: tuple[bytes, ...], seeds: list[bytes]) -> bytes:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice((1, 1, 2, 4, 16, 64)))
    match chance.randrange(7):
        case 0:
            return data[:start] + bytes((chance.choice(_INTERESTING),)) + data[start + 1 :]
        case 1:
            return (
                data[:start] + bytes(byte ^ 1 << chance.randrange(8) for byte in data[start : start + 1]) + data[end:]
            )
        case 2:
            return data[:start] + chance.choice(words) + data[start:]
        case 3:
            return data[:start] + chance.choice(words) + data[end:]
        case 4:
            return data[:start] + data[end:]
        case 5:
            return data[:end] + data[start:end] * chance.choice((1, 2, 20)) + data[end:]
        case _:
            other = chance.choice(seeds)
            return data[:start] + other[chance.randint(0, len(other)) :]
