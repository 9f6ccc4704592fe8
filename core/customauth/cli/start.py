"""Where the process of the command begins and ends.

What a connect takes is mostly Python's own coming and going, so both are kept short.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

# While modules load there is no garbage to find; looking for it takes as long as a TLS handshake.
gc.set_threshold(50_000, 10, 10)


def run() -> NoReturn:
    """Run the command, and end the process without taking the interpreter down object by object."""
    from customauth.cli.main import BROKEN_PIPE, main

    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    try:
        for stream in (sys.stdout, sys.stderr):
            # A standard stream that was closed from the start is None.
            if stream is not None:
                stream.flush()
    except BrokenPipeError:
        code = BROKEN_PIPE
    except OSError:
        # A full disk, of which the command has told.
        code = code or 1
    os._exit(code)
