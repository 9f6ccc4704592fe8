"""What ``customauth pub`` publishes: a text, a file, standard input, its lines, or nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import click

from customauth.cli import secrets
from customauth.cli.misuse import Misuse

F = TypeVar("F", bound=Callable[..., Any])

_CHUNK = 65_536


def payload_options(command: F) -> F:
    """Add the options that say what is published; :func:`take_payloads` reads them."""
    for add in reversed(
        [
            click.option("-m", "--message", metavar="TEXT", help="Publish this."),
            click.option("-f", "--file", type=click.Path(), metavar="FILE", help="Publish what is in this file."),
            click.option("-l", "--stdin-line", "lines", is_flag=True, help="Publish each line of standard input."),
            click.option("-s", "--stdin-file", "stdin", is_flag=True, help="Publish all of standard input at once."),
            click.option("-n", "--null-message", "empty", is_flag=True, help="Publish an empty payload."),
            click.option("--repeat", type=click.IntRange(1), default=1, metavar="N", help="Publish it N times."),
            click.option(
                "--repeat-delay",
                type=click.FloatRange(0),
                default=0.0,
                metavar="SECONDS",
                help="How long to wait between.  [default: 0]",
            ),
        ]
    ):
        command = add(command)
    return command


def take_payloads(options: dict[str, Any]) -> AsyncIterator[bytes]:
    """Take those options out of ``options`` and return the payloads; ``-l`` reads while it is iterated.

    :raises Misuse: none or several of them, or something that cannot be read.
    """
    text, file = options.pop("message"), options.pop("file")
    lines, stdin, empty = options.pop("lines"), options.pop("stdin"), options.pop("empty")
    repeat, delay = options.pop("repeat"), options.pop("repeat_delay")
    given = [text is not None, file is not None, lines, stdin, empty]
    if sum(given) != 1:
        raise Misuse(
            "several messages are given" if any(given) else "which message?",
            "give one of -m TEXT, -f FILE, -l (lines of standard input), -s (standard input) and -n (empty)",
        )
    if lines:
        if repeat > 1:
            raise Misuse("lines of standard input cannot be repeated", "leave out --repeat, or give -s in place of -l")
        return _lines(_standard_input("-l"))
    if stdin:
        payload = _read_all(_standard_input("-s"))
    elif file is not None:
        payload = secrets.read_file(file, "-f")
    else:
        payload = os.fsencode(text or "")
    return _repeated(payload, repeat, delay)


async def _repeated(payload: bytes, repeat: int, delay: float) -> AsyncIterator[bytes]:
    import asyncio

    for done in range(repeat):
        if done and delay:
            await asyncio.sleep(delay)
        yield payload


async def _lines(descriptor: int) -> AsyncIterator[bytes]:
    """Give the lines as they come, without their line feed; the last one needs none."""
    begun = b""
    while chunk := await _read_some(descriptor):
        *whole, begun = (begun + chunk).split(b"\n")
        for line in whole:
            yield line
    if begun:
        yield begun


async def _read_some(descriptor: int) -> bytes:
    """Wait for bytes in the event loop, so that signals and the connection are heard meanwhile."""
    import asyncio

    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:
        # A file, which never lets anybody wait.
        return os.read(descriptor, _CHUNK)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, _CHUNK)


def _standard_input(option: str) -> int:
    secrets.take_standard_input(option)
    if sys.stdin is None:
        raise Misuse("standard input is closed", f"give {option} something to read, or -m TEXT in its place")
    return sys.stdin.fileno()


def _read_all(descriptor: int) -> bytes:
    chunks = []
    try:
        while chunk := os.read(descriptor, _CHUNK):
            chunks.append(chunk)
    except OSError as error:
        raise Misuse(f"standard input cannot be read: {error.strerror}", "give -f FILE or -m TEXT") from error
    return b"".join(chunks)
