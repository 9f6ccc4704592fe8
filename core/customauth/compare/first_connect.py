"""A program that connects once, so that all is imported that it takes; :mod:`customauth.compare.children` starts it.

It reads the arguments of :func:`customauth.connect`. Nothing is imported here that a user's program would not import.
"""

from __future__ import annotations

import asyncio
import pickle
import sys


async def _main() -> None:
    endpoint, credentials, options = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - written by our own parent
    import customauth

    connection = await customauth.connect(endpoint, credentials, **options)
    await connection.aclose()


if __name__ == "__main__":
    asyncio.run(_main())
