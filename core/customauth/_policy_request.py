"""What is asked of the policies: an action on a resource, and the context that variables and conditions look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from attrs import field, frozen

_CLIENT_ID = "iot:clientid"
_CERTIFICATE = "iot:certificate."
_MOST_VALUES = 5
_MOST_CHARACTERS = 1024
# In a variable's value they could widen what the policy matches (D12).
_NEVER_SUBSTITUTED = frozenset("*$+?#")


class Context(dict[str, str | tuple[str, ...]]):
    """A request's context by key in lower case; shared by requests, so never changed."""


def _lowered(given: Mapping[str, str | Iterable[str]]) -> Context:
    if isinstance(given, Context):
        return given
    return Context((key.lower(), value if isinstance(value, str) else tuple(value)) for key, value in given.items())


_NOTHING = Context()


@frozen(kw_only=True)
class Request:
    """What a client asks to do: an action (``iot:Publish``) on the ARN of a resource (D2, D3).

    ``client_id`` is None where there is none, as over HTTPS (A37). ``context`` has the values of condition keys and
    policy variables (D10-D12, D18) by their names, in any case: a text, or a tuple of texts for a key with several
    values (``iot:ConnectAttributes``, certificate attributes). A key that is left out, or has an empty tuple, is
    missing. Handing on the context of another request is cheaper than giving it anew.
    """

    action: str
    resource: str
    client_id: str | None
    context: Mapping[str, str | tuple[str, ...]] = field(default=_NOTHING, converter=_lowered, hash=False)

    def values(self, key: str) -> tuple[str, ...]:
        """Return the values of a condition key, given in lower case; none where it is missing.

        An attribute of a certificate has its first value, with ``.N`` the one of that index and with ``.List`` all;
        five of at most 1,024 characters each are known (D12).
        """
        if key == _CLIENT_ID and self.client_id is not None:
            return (self.client_id,)
        found = self.context.get(key)
        if key.startswith(_CERTIFICATE):
            return self._attribute(key, found)
        if found is None:
            return ()
        return (found,) if isinstance(found, str) else found

    def variable(self, key: str) -> str | None:
        """Return the text of a policy variable, given in lower case, None where nothing is known of it (D14).

        A key with several values has no text as a variable (IAM), and a certificate's value with one of
        ``* $ + ? #`` is not put in its place (D12).
        """
        if key == _CLIENT_ID and self.client_id is not None:
            return self.client_id
        if key.startswith(_CERTIFICATE):
            values = () if key.endswith(".list") else self.values(key)
            return values[0] if values and _NEVER_SUBSTITUTED.isdisjoint(values[0]) else None
        found = self.context.get(key)
        return found if isinstance(found, str) else None

    def _attribute(self, key: str, found: str | tuple[str, ...] | None) -> tuple[str, ...]:
        base, _, suffix = key.rpartition(".")
        first, last = 0, 1
        if suffix == "list":
            last = _MOST_VALUES
        elif suffix in ("1", "2", "3", "4"):
            first, last = int(suffix), int(suffix) + 1
        elif suffix != "0":
            base = key
        if found is None:
            found = self.context.get(base, ())
        values = (found,) if isinstance(found, str) else found
        return tuple(value for value in values[first:last] if len(value) <= _MOST_CHARACTERS)


def keys_behind(key: str) -> tuple[str, ...]:
    """Return the keys of a context that the values of a key, in lower case, come from."""
    if not key.startswith(_CERTIFICATE):
        return (key,)
    base, _, _ = key.rpartition(".")
    return (key, base)


def connection_context(*, source_ip: str | None, domain_name: str | None, now: datetime | None = None) -> Context:
    """Return the context that every request of a connection with plain custom authentication has.

    No thing belongs to it, so ``iot:Connection.Thing.IsAttached`` is ``false`` and the other thing variables are
    unknown (D11).

    :param source_ip: the client's address, ``aws:SourceIp`` (D10).
    :param domain_name: what the client asked for by SNI, ``iot:DomainName`` (D10).
    :param now: ``aws:CurrentTime`` and ``aws:EpochTime`` (IAM), aware; without it both are missing.
    """
    context = Context({"iot:connection.thing.isattached": "false"})
    if source_ip is not None:
        context["aws:sourceip"] = source_ip
    if domain_name is not None:
        context["iot:domainname"] = domain_name
    if now is not None:
        context["aws:currenttime"] = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        context["aws:epochtime"] = str(int(now.timestamp()))
    return context


def connect_context(connection: Mapping[str, str | tuple[str, ...]], *, will: str | None, persistent: bool) -> Context:
    """Return the context of an ``iot:Connect`` (D18).

    :param connection: the context of all requests of the connection.
    :param will: the ARN ``…:topic/<t>`` of the will's topic, None without a will.
    :param persistent: the session outlives the connection (E37).
    """
    context = Context(_lowered(connection))
    attributes = [name for name, has in (("PersistentConnect", persistent), ("LastWill", will is not None)) if has]
    if attributes:
        context["iot:connectattributes"] = tuple(attributes)
    if will is not None:
        context["iot:lastwilltopic"] = will
    return context
