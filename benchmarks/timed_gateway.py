"""The gateway from its public API, with the sample's configuration; it prints how long each decision took.

``front_door.py`` runs it, in place of ``customauth gateway``, where the times are wanted and the speed is not::

    python timed_gateway.py gateway.toml

Its first line is that of the command. Then comes one JSON object for each decision: ``duration``, in seconds from the
CONNECT to the verdict, and ``stages``, seconds by stage.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from customauth.gateway import Decision, Gateway, load_config


async def main(config_file: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    config = load_config(config_file)
    async with Gateway(config, folder=config_file.parent / "ca", on_decision=_tell) as gateway:
        _print(f"Gateway on {gateway.endpoint}, with the times of its decisions")
        await stop.wait()


def _tell(decision: Decision) -> None:
    _print(json.dumps({"duration": decision.duration, "stages": dict(decision.stages)}))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
