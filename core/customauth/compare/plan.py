"""What a comparison is asked to do."""

from __future__ import annotations

from attrs import field, frozen

from customauth import CustomAuth, Endpoint, EndpointError, MqttVersion, PluginManager, Transport
from customauth.compare.scenario import Scenario

_ROUNDS = 5
_QUICK_ROUNDS = 2


@frozen(kw_only=True)
class Plan:
    """What is compared.

    :param endpoint: the server; None for a local gateway, which the comparison starts itself.
    :param credentials: what that server accepts; needed with an endpoint, and only there.
    :param load: whether the endpoint is a server for tests, so that scenarios run which are kept from any other for the
        load alone (:attr:`Scenario.load`).
    :param backends: by name; all whose library is installed unless given.
    :param scenarios: all that there are (:func:`known_scenarios`) unless given; when ``quick`` those for a first look.
    :param rounds: turns of each subject in each scenario; 5 unless given, 2 when ``quick``.
    :param raw: whether the libraries alone take part.
    :param quick: repeat little: for a first look, not for numbers to rely on.
    :param processes: whether each subject has a process of its own for its turns in scenarios of speed, which lives as
        long as the run: nobody's threads and garbage fall on another then, and the processor time of each turn is
        measured. Such a scenario must be picklable, and its module one that another process finds.
    :param timeout: seconds for an attempt to connect, and for a request.
    :param topic: topics below it may be published and subscribed to.
    :param environment: the id under which the results are merged with those of others; such as ``py3.11`` unless given.
    :raises EndpointError: when an endpoint lacks its credentials, or a number is out of range.
    """

    endpoint: Endpoint | None = None
    credentials: CustomAuth | None = field(default=None, repr=False)
    load: bool = False
    backends: tuple[str, ...] = ()
    versions: tuple[MqttVersion, ...] = (MqttVersion.V5, MqttVersion.V311)
    transports: tuple[Transport, ...] = (Transport.MQTT, Transport.WSS)
    scenarios: tuple[Scenario, ...] | None = None
    rounds: int | None = None
    raw: bool = True
    quick: bool = False
    processes: bool = False
    timeout: float = 10.0
    topic: str = "sample/compare"
    environment: str | None = None
    plugins: PluginManager = field(factory=PluginManager, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.endpoint is None) is not (self.credentials is None):
            raise EndpointError("an endpoint and its credentials are compared together; give both, or neither")
        if self.rounds is not None and self.rounds < 1:
            raise EndpointError(f"{self.rounds} rounds measure nothing; give 1 or more")
        if not 0 < self.timeout < float("inf"):
            raise EndpointError(f"the timeout of {self.timeout} s is out of range; give a positive number of seconds")

    def all_rounds(self) -> int:
        """Return how many turns a subject has in a scenario that does not limit them."""
        return self.rounds or (_QUICK_ROUNDS if self.quick else _ROUNDS)
