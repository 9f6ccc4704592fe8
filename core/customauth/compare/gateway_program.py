"""A program that runs a gateway until its standard input ends, so that it never outlives whoever has started it.

``python -m customauth.compare.gateway_program FOLDER``: the sample there, its CA and what it records.
:mod:`customauth.compare.own_gateway` starts it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from customauth.gateway import Decision, Record, running

READY = "ready.json"
"""The file that is there once it listens: ``endpoint`` and ``caFile``."""

RECORDS = "records.jsonl"
"""Each decision, a line of JSON, as ``customauth gateway --log-json`` writes it."""


async def _serve(folder: Path) -> None:
    with folder.joinpath(RECORDS).open("w", encoding="ascii", buffering=1) as records:

        def record(item: Record) -> None:
            if isinstance(item, Decision):
                records.write(json.dumps(item.as_json()) + "\n")

        async with running(folder / "gateway.toml", folder=folder, on_record=record) as gateway:
            _tell(folder, {"endpoint": gateway.gateway.endpoint, "caFile": str(gateway.ca_file)})
            await asyncio.to_thread(sys.stdin.read)


def _tell(folder: Path, place: dict[str, str]) -> None:
    # Under another name first: whoever waits for it gets it whole.
    unfinished = folder / f"{READY}.new"
    unfinished.write_text(json.dumps(place))
    os.replace(unfinished, folder / READY)


if __name__ == "__main__":
    # Ctrl-C reaches all processes of a terminal; this one ends with its standard input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_serve(Path(sys.argv[1])))
