"""A gateway for messengers, with a role for each thing that a client may do. Import as ``rooms``.

::

    with open_room(folder, keys) as room:
        speaker = room.open(kind, "speaker")          a messenger, see `messengers`
        room.close_all()                              closes those that are open
    kind_params(), pair_params()                      parameters of tests, skipped where a program or library is missing

``speaker`` may publish to ``talk/…`` and retain there; ``listener`` may subscribe there, alone or in the group
``crew``, and receive; ``mortal`` may subscribe, and publish only to topics that end in ``/gone``, as a will; ``deaf``
may subscribe, and receive only topics that end in ``/end``. None may do anything else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet
from attrs import define, field

import gateways
from commands import serving
from logins import new_client_id
from messengers import KINDS, Kind, Messenger, Where, Wish
from messengers_awscrt import awsiotsdk
from messengers_programs import Mosquitto, Node, node
from messengers_python import Gmqtt, Paho
from needs import needs
from programs import npm_packages, program

_NODE = Path(__file__).parents[1] / "clients" / "node"
_CONNECT: tuple[str | list[str], list[str]] = ("iot:Connect", ["client/*"])
_SUBSCRIBE: tuple[str | list[str], list[str]] = (
    "iot:Subscribe",
    ["topicfilter/talk/*", "topicfilter/$share/crew/talk/*"],
)
_ROLES = {
    "speaker": [_CONNECT, (["iot:Publish", "iot:RetainPublish"], ["topic/talk/*"])],
    "listener": [_CONNECT, _SUBSCRIBE, ("iot:Receive", ["topic/talk/*"])],
    "mortal": [_CONNECT, _SUBSCRIBE, ("iot:Publish", ["topic/talk/*/gone"])],
    "deaf": [_CONNECT, _SUBSCRIBE, ("iot:Receive", ["topic/talk/*/end"])],
}
_MARKS = {
    "paho": [needs("paho-mqtt")],
    "gmqtt": [needs("gmqtt")],
    "awsiotsdk": [needs("awsiotsdk")],
    "mqttjs": [program("node", package="nodejs"), npm_packages(_NODE)],
    "mosquitto": [program("mosquitto_sub", package="mosquitto-clients")],
}


@define(eq=False)
class Room:
    """The gateway, and the clients that are open."""

    where: Where
    _exits: contextlib.ExitStack
    _node: Node | None = None
    _open: list[Messenger] = field(factory=list)

    def open(self, kind: Kind, role: str, *, client_id: str | None = None, **more: Any) -> Messenger:
        """Connect a client.

        :param more: fields of :class:`messengers.Wish`.
        """
        wish = Wish(
            role=role,
            client_id=client_id or new_client_id(),
            version=kind.version,
            websocket=kind.websocket,
            **more,
        )
        messenger = self._maker(kind)(self.where, wish)
        self._open.append(messenger)
        return messenger

    def close(self, messenger: Messenger) -> None:
        """Disconnect one."""
        self._open.remove(messenger)
        messenger.close()

    def close_all(self) -> None:
        """Disconnect those that are open."""
        while self._open:
            self._open.pop().close()

    def _maker(self, kind: Kind) -> Callable[[Where, Wish], Messenger]:
        match kind.name:
            case "paho":
                return Paho
            case "gmqtt":
                return Gmqtt
            case "awsiotsdk":
                return awsiotsdk
            case "mosquitto":
                return Mosquitto
        if self._node is None:
            self._node = self._exits.enter_context(node())
        return self._node.connect


@contextlib.contextmanager
def open_room(folder: Path, keys: gateways.Keys) -> Iterator[Room]:
    """Run the gateway in a thread."""
    function, authorizers = "", ""
    for role, grants in _ROLES.items():
        documents = [gateways.allow(*resources, action=action) for action, resources in grants]
        answer = {"isAuthenticated": True, "principalId": role, "policyDocuments": documents}
        function += f"def {role}(event, context):\n    return {answer!r}\n"
        authorizers += (
            f'[authorizers.{role}]\nstatus = "ACTIVE"\nfunction = "authorizer.py:{role}"\nsigning_disabled = true\n'
        )
    started = gateways.start(folder, folder / "ca", keys, function=function, authorizers=authorizers)
    with contextlib.ExitStack() as exits:
        running = exits.enter_context(serving(started))
        where = Where(port=running.gateway.port, ca_file=running.gateway.ca_file)
        room = Room(where, exits)
        exits.callback(room.close_all)
        yield room


def kind_params(*names: str) -> list[ParameterSet]:
    """Return every kind of client, or those of some names; each needs what its partner needs too."""
    return [_param(kind, needed=(partner(kind),)) for kind in KINDS if not names or kind.name in names]


def pair_params() -> list[ParameterSet]:
    """Return a listener and a speaker of another language: every kind as a listener, with both versions of MQTT."""
    return [_param(listener, speaker) for listener in KINDS for speaker in _partners(listener)]


def partner(kind: Kind) -> Kind:
    """Return a kind of client of another language."""
    return _partners(kind)[0]


def _partners(kind: Kind) -> list[Kind]:
    """Return one of the same version and one of the other; every kind is two others' partner."""
    at = KINDS.index(kind)
    # Versions alternate in the list, and half the way round it is always another language.
    found = [KINDS[(at + len(KINDS) // 2) % len(KINDS)], KINDS[((at ^ 1) + len(KINDS) // 2) % len(KINDS)]]
    assert all(other.language != kind.language for other in found)
    return found


def _param(*kinds: Kind, needed: tuple[Kind, ...] = ()) -> ParameterSet:
    marks = [mark for kind in (*kinds, *needed) for mark in _MARKS[kind.name]]
    return pytest.param(*kinds, marks=marks, id="-".join(str(kind).replace(" ", "_") for kind in kinds))
