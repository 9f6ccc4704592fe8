"""A service on asyncio: it answers commands until it gets SIGTERM, over as many connections as that takes."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import customauth


def endpoint() -> customauth.Endpoint:
    """Return the endpoint; the local gateway's CA is not among the system's."""
    ca = os.environ.get("IOT_CA")
    return customauth.Endpoint.parse(os.environ["IOT_ENDPOINT"], ca_pem=Path(ca).read_bytes() if ca else None)


def credentials() -> customauth.CustomAuth:
    """Return what is valid now. It is asked before every attempt, and may read a new token from a file or a service."""
    return customauth.CustomAuth(
        authorizer=os.environ["IOT_AUTHORIZER"],
        username=os.environ["IOT_USER"],
        password=os.environ["IOT_PASSWORD"].encode(),
    )


async def answer(session: customauth.Session) -> None:
    async with session.subscribe("sample/commands/#", qos=1) as commands:
        logging.info("waiting for commands")
        async for command in commands:
            device = command.topic.rpartition("/")[2]
            await session.publish(f"sample/answers/{device}", b"done: " + command.payload)


async def main() -> None:
    async with customauth.session(endpoint(), credentials) as session:
        answering = asyncio.create_task(answer(session))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, answering.cancel)
        try:
            # It ends by itself only when the session does: then it raises SessionEnded, and a supervisor takes over.
            await answering
        except asyncio.CancelledError:
            logging.info("asked to stop")


if __name__ == "__main__":
    # The session logs what it does: connected, waiting, closed.
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asyncio.run(main())
