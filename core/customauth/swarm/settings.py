"""The settings of a swarm, from options and from a scenario file; what is given twice, the options decide."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import evolve, field, frozen

from customauth.endpoint import Endpoint, Transport
from customauth.errors import CredentialError, EndpointError
from customauth.mqtt.protocol import MqttVersion
from customauth.request import CredentialsIn
from customauth.swarm.identities import Identities, Table, Template
from customauth.swarm.plan import Plan, Publishing, Storm

_DEFAULT_CLIENTS = 100
_VERSIONS = {version.label: version for version in (MqttVersion.V5, MqttVersion.V311)}


@frozen(kw_only=True)
class Settings:
    """Everything that may be said about a swarm, None where it is not said.

    :ivar table: the text of a CSV file (:class:`customauth.swarm.Table`).
    """

    endpoint: str | None = None
    port: int | None = None
    address: str | None = None
    transport: str | None = None
    ca_pem: bytes | None = field(default=None, repr=False)
    backend: str | None = None
    protocol: str | None = None
    credentials_in: str | None = None
    keep_alive: int | None = None
    timeout: float | None = None
    clients: int | None = None
    rate: float | None = None
    duration: float | None = None
    refresh: float | None = None
    processes: int | None = None
    client_id: str | None = None
    authorizer: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token_key_name: str | None = None
    token: str | None = field(default=None, repr=False)
    signature: str | None = field(default=None, repr=False)
    private_pem: bytes | None = field(default=None, repr=False)
    passphrase: bytes | None = field(default=None, repr=False)
    jwt: str | None = field(default=None, repr=False)
    table: str | None = field(default=None, repr=False)
    publish_every: float | None = None
    publish_topic: str | None = None
    publish_qos: int | None = None
    publish_size: int | None = None
    storm_after: float | None = None
    storm_jitter: float | None = None

    def over(self, others: Settings) -> Settings:
        """Return these settings, and where nothing is said those of others."""
        return evolve(others, **_said(self))

    def plan(self) -> Plan:
        """Return what they say.

        :raises EndpointError: there is no endpoint, or a number is out of range.
        :raises CredentialError: credentials that cannot work; those of the first client are tried.
        """
        if self.endpoint is None:
            raise EndpointError("a swarm needs an endpoint; give HOST[:PORT] or wss://HOST[:PORT]")
        endpoint = Endpoint.parse(
            self.endpoint,
            port=self.port,
            address=self.address,
            ca_pem=self.ca_pem,
            transport=None if self.transport is None else Transport(self.transport),
        )
        return self.plan_for(endpoint, self.identities())

    def plan_for(self, endpoint: Endpoint, identities: Identities) -> Plan:
        """Return what they say of everything but the endpoint and who the clients are.

        :raises EndpointError: a number is out of range.
        :raises CredentialError: as :meth:`plan`.
        """
        clients = (identities.count or _DEFAULT_CLIENTS) if self.clients is None else self.clients
        identities.identity(0)
        plain = {name: getattr(self, name) for name in ("rate", "duration", "keep_alive", "timeout", "processes")}
        said: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
        if self.protocol is not None:
            said["version"] = _VERSIONS[self.protocol]
        if self.credentials_in is not None:
            said["credentials_in"] = CredentialsIn(self.credentials_in)
        return Plan(
            endpoint=endpoint,
            identities=identities,
            clients=clients,
            backend=self.backend,
            refresh=self.refresh,
            publishing=self._publishing(),
            storm=self._storm(),
            **said,
        )

    def identities(self) -> Identities:
        """Return who the clients are.

        :raises CredentialError: a CSV file that is none, or two ways to sign.
        """
        if self.jwt is not None and self.token is not None:
            raise CredentialError("a JWT is token and signature in one; leave out the token, or the JWT")
        who = {name: getattr(self, name) for name in (each.name for each in attrs.fields(Template))}
        template = Template(**{name: value for name, value in who.items() if value is not None})
        return template if self.table is None else Table.read(self.table, template)

    def _publishing(self) -> Publishing | None:
        if self.publish_every is None:
            if self.publish_topic is not None or self.publish_qos is not None or self.publish_size is not None:
                raise EndpointError("clients that publish need to know how often; add --publish-every SECONDS")
            return None
        said: dict[str, Any] = {"topic": self.publish_topic, "qos": self.publish_qos, "size": self.publish_size}
        return Publishing(
            every=self.publish_every, **{name: value for name, value in said.items() if value is not None}
        )

    def _storm(self) -> Storm | None:
        if self.storm_after is None and self.storm_jitter is None:
            return None
        said = {"after": self.storm_after, "jitter": self.storm_jitter}
        return Storm(**{name: value for name, value in said.items() if value is not None})


def _said(settings: Settings) -> dict[str, Any]:
    return {each.name: value for each in attrs.fields(Settings) if (value := getattr(settings, each.name)) is not None}
