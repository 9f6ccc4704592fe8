"""The blocking form, for scripts and notebooks: each takes what its namesake in :mod:`customauth` takes.

::

    with customauth.sync.session("example-ats.iot.eu-west-1.amazonaws.com", newest_token) as session:
        with session.subscribe("commands/#", qos=1) as commands:
            session.publish("sensors/1", "21.5")
            print(commands.get(timeout=10))

An event loop of its own runs in a thread for as long as the connection or session lives, so keep-alive goes on between
calls. Every method may be called from several threads at once. One that waits is interrupted by Ctrl-C, and by a
``close()`` in another thread, which it raises as an error.
"""

from customauth.sync.connections import Connection, connect
from customauth.sync.sessions import Session, session
from customauth.sync.subscriptions import Subscription

__all__ = ["Connection", "Session", "Subscription", "connect", "session"]
