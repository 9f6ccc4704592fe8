"""What a scenario is, and what it gets to work with. A plug-in adds its own by ``customauth_comparison_scenarios``."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from attrs import Factory, frozen

from customauth import Feature, MqttVersion, Transport
from customauth.compare.result import Behaviour, Kind, Measure

if TYPE_CHECKING:
    from customauth.compare.bench import Bench


@frozen(kw_only=True)
class Subject:
    """Who has its turn.

    :ivar raw: the library alone, without customauth's layer.
    """

    backend: str
    version: MqttVersion = MqttVersion.V5
    transport: Transport = Transport.MQTT
    raw: bool = False


@frozen(kw_only=True)
class Turn:
    """What one turn of one subject gave.

    :ivar measurements: values by the measure's name; a turn may bring several of each.
    """

    measurements: Mapping[str, tuple[float, ...]] = Factory(dict)
    behaviour: Behaviour | None = None


class NotApplicable(Exception):
    """Raised by a turn: this subject cannot do it. The text says why, and stands in the report."""


class Scenario(abc.ABC):
    """The same work for every subject. The runner gives each subject one turn a round, in changing order.

    :cvar local: it needs the gateway that the comparison starts itself, and is left out with an ENDPOINT.
    :cvar load: it is ``local`` for nothing but the load that it puts on a server; see :attr:`Plan.load`.
    :cvar fresh: it starts processes of its own for each turn, so that it needs none around it; see
        :attr:`Plan.processes`.
    :cvar raw: the library alone can do it too (see ``Bench.client``).
    :cvar needs: a backend without these features is not asked.
    :cvar limit: seconds after which a turn has broken down.
    :cvar rounds: more turns than this are not taken, however many are asked for; None for no limit.
    :cvar quick: whether a quick comparison takes it too.
    :cvar quick_rounds: as ``rounds``, for a quick comparison.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    kind: ClassVar[Kind]
    measures: ClassVar[tuple[Measure, ...]] = ()
    local: ClassVar[bool] = False
    load: ClassVar[bool] = False
    fresh: ClassVar[bool] = False
    raw: ClassVar[bool] = False
    needs: ClassVar[frozenset[Feature]] = frozenset()
    versions: ClassVar[tuple[MqttVersion, ...]] = (MqttVersion.V5, MqttVersion.V311)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT, Transport.WSS)
    rounds: ClassVar[int | None] = None
    limit: ClassVar[float] = 60.0
    quick: ClassVar[bool] = True
    quick_rounds: ClassVar[int | None] = None

    @abc.abstractmethod
    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        """Let a subject have its turn.

        :raises NotApplicable: it cannot do it.
        :raises Exception: anything else breaks this cell down, and only it.
        """
