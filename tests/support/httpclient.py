"""HTTP as a test writes and reads it byte by byte. Import as ``httpclient``.

::

    request("POST", "/topics/a", ("token", "t"), body=b"1") -> bytes         the request, with a Host header
    await reply(client) -> Reply | None                                      the next answer, None at the end
    await ask(running, "/topics/a", ("token", "t"), sni=...) -> Reply        one request on a connection of its own
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from attrs import frozen

from gateways import Running
from rawclient import LIMIT, RawClient, connected

Header = tuple[str, str]


@frozen(kw_only=True)
class Reply:
    """An answer.

    :ivar headers: as sent, in the order sent.
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of a name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def request(
    method: str, target: str, *headers: Header, body: bytes = b"", version: str = "1.1", host: str | None = "localhost"
) -> bytes:
    """Write a request.

    :param body: has its Content-Length written, unless it is empty.
    :param host: None for no Host header.
    """
    lines = [f"{method} {target} HTTP/{version}"]
    lines += [] if host is None else [f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


async def reply(client: RawClient, *, head: bool = False) -> Reply | None:
    """Read an answer; None when the server has closed without one.

    :param head: it is the answer to HEAD, which has no body.
    """
    async with asyncio.timeout(LIMIT):
        try:
            text = (await client.reader.readuntil(b"\r\n\r\n")).decode("ascii")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        status, *lines = text.rstrip("\r\n").split("\r\n")
        headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
        found = Reply(status=int(status.split(" ")[1]), headers=headers, body=b"")
        length = 0 if head else int(found.header("content-length") or 0)
        return Reply(status=found.status, headers=headers, body=await client.reader.readexactly(length))


async def ask(
    running: Running,
    target: str,
    *headers: Header,
    method: str = "POST",
    body: bytes = b"",
    host: str | None = "localhost",
    port: int = 443,
    **how: Any,
) -> Reply | None:
    """Make one request on a connection of its own.

    :param port: of AWS.
    :param how: options of :func:`rawclient.connected`; without them no ALPN is offered.
    """
    async with connected(running.gateway.ports[port], running.gateway.ca_file, **({"alpn": ()} | how)) as client:
        await client.send(request(method, target, *headers, body=body, host=host))
        return await reply(client)
