"""What a fuzz target is, and how one input becomes several chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

_MANY = 128

Mutate = Callable[[bytes, int], bytes]
"""Changes some bytes, to at most so many."""


@frozen(kw_only=True)
class Target:
    """One entrance of the gateway.

    :ivar run: takes any bytes; raises only when the code under test does what it must not.
    :ivar seeds: makes inputs that are well formed, or nearly.
    :ivar words: pieces that the grammar of the input is made of.
    :ivar share: how many of a hundred inputs of a long run it gets.
    :ivar max_size: the largest input, in bytes.
    :ivar mutate: changes an input within its structure, given what changes bytes; None where any change is as good.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...]
    share: int
    max_size: int = 4096
    mutate: Callable[[bytes, int, Mutate], bytes] | None = None


def chunked(data: bytes) -> Iterator[bytes]:
    """Cut what follows the first byte into chunks: that byte says how, 0 not at all; there are no empty ones.

    Short inputs are cut into single bytes too; of any there are some hundred chunks at most.
    """
    if not data:
        return
    how, rest = data[0], data[1:]
    unit = 1 + len(rest) // _MANY
    sizes = (unit * (1 + how % 16), unit * (1 + how // 16)) if how else (len(rest),)
    start = turn = 0
    while start < len(rest):
        end = start + sizes[turn % len(sizes)]
        yield rest[start:end]
        start, turn = end, turn + 1
