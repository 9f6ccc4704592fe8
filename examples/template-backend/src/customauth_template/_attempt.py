"""One attempt: dial, send CONNECT, read the answer, and leave nothing behind unless it is an acceptance."""

from customauth import Connection, ConnectRequest, Stage
from customauth.dialing import Deadline, dial

from ._connection import TemplateConnection


async def connect(request: ConnectRequest) -> Connection:
    """Make one attempt (:meth:`customauth.Backend.connect`)."""
    deadline = Deadline(request.timeout)
    # Name, TCP, proxy, TLS and WebSocket: each failure is raised as the class that says which it was.
    _, connection = await dial(
        lambda: TemplateConnection(request), request.endpoint, request.timeout, upgrade=request.upgrade()
    )
    try:
        async with deadline.limit(Stage.CONNACK):
            connection.connack = await connection.open()
    except BaseException:
        connection.abort()
        raise
    return connection
