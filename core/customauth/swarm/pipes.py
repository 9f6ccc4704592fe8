"""The pipes between the processes of a swarm: a pickled object first, then lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import sys
from collections.abc import AsyncIterator, Mapping
from typing import IO, Any


def sized(thing: Any) -> bytes:
    """Return what :func:`read_sized` reads: the length on a line, then the pickled object."""
    pickled = pickle.dumps(thing)
    return b"%d\n%s" % (len(pickled), pickled)


def begin() -> tuple[Any, IO[bytes]]:
    """Begin a process of a swarm: return the object that it is given on standard input, and what follows there.

    :raises EOFError: the process that has started this one has gone.
    """
    # Without a buffer, which would keep from the event loop what it has read too much.
    source = open(sys.stdin.fileno(), "rb", buffering=0)  # noqa: SIM115 - for as long as the process lives
    return pickle.loads(read_sized(source)), source  # noqa: S301 - written by the process that has started this one


def read_sized(source: IO[bytes]) -> bytes:
    """Read a pickled object, and not a byte more: what follows is for an event loop.

    :raises EOFError: it is cut off.
    """
    digits = b""
    while not digits.endswith(b"\n"):
        digits += _some(source, 1)
    rest = int(digits)
    pieces = []
    while rest:
        piece = _some(source, rest)
        pieces.append(piece)
        rest -= len(piece)
    return b"".join(pieces)


async def lines_of(source: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a pipe as they come."""
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    while line := await reader.readline():
        yield line


def say(thing: Mapping[str, Any]) -> None:
    """Write a line of JSON to standard output; when nobody reads it any more, to nowhere."""
    rest = json.dumps(thing, separators=(",", ":")).encode() + b"\n"
    # Without a buffer, of which Python would complain at exit when the reader has gone.
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]


def _some(source: IO[bytes], most: int) -> bytes:
    piece = source.read(most)
    if not piece:
        raise EOFError("the process that gives the orders has gone")
    return piece
