"""A script without asyncio: it sends a command, waits for the answer, and prints it."""

import os
import sys
from pathlib import Path

import customauth


def endpoint() -> customauth.Endpoint:
    """Return the endpoint; the local gateway's CA is not among the system's."""
    ca = os.environ.get("IOT_CA")
    return customauth.Endpoint.parse(os.environ["IOT_ENDPOINT"], ca_pem=Path(ca).read_bytes() if ca else None)


def credentials() -> customauth.CustomAuth:
    """Return what is valid now; it is asked before every attempt."""
    return customauth.CustomAuth(
        authorizer=os.environ["IOT_AUTHORIZER"],
        username=os.environ["IOT_USER"],
        password=os.environ["IOT_PASSWORD"].encode(),
    )


def main(device: str, command: str) -> None:
    with (
        customauth.sync.session(endpoint(), credentials) as session,
        session.subscribe(f"sample/answers/{device}", qos=1) as answers,
    ):
        session.publish(f"sample/commands/{device}", command)
        sys.stdout.write(f"{answers.get(timeout=30).payload.decode()}\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
