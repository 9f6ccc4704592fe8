"""Standard output for bytes: nothing waits in a buffer, and a slow reader stops nobody but the writer."""

from __future__ import annotations

import asyncio
import os
import select
import sys

from customauth.cli.misuse import Misuse


class Output:
    """Standard output.

    :raises Misuse: when it is closed.
    """

    def __init__(self) -> None:
        if sys.stdout is None:
            raise Misuse("standard output is closed", "give the messages somewhere to go")
        self._descriptor = sys.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    async def write(self, data: bytes) -> None:
        """Write all of it; while the reader is slow, the event loop goes on, and keep-alive with it.

        :raises BrokenPipeError: nobody reads any more.
        """
        left = memoryview(data)
        while left:
            if not self._poll.poll(0):
                await self._writable()
            # A pipe that is writable has room for so much.
            left = left[os.write(self._descriptor, left[: select.PIPE_BUF]) :]

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._descriptor)
