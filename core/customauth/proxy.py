"""A proxy on the way to the endpoint."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from attrs import field, frozen

from customauth.endpoint import HOST_PORT, authority
from customauth.errors import EndpointError

# The user and the password of SOCKS5 each have a length of one byte (RFC 1929).
_SOCKS_LIMIT = 255


def _proxy_scheme(_: object, __: object, scheme: str) -> None:
    if scheme not in ("http", "socks5"):
        raise EndpointError("the proxy is of a kind that is not spoken here; write http://, socks5:// or socks5h://")


def _proxy_port(_: object, __: object, port: int) -> None:
    if not 1 <= port <= 65535:
        raise EndpointError(f"the proxy's port {port} is out of range; use 1 to 65535")


@frozen(kw_only=True)
class Proxy:
    """A proxy that the connection goes through; it resolves the endpoint's name.

    :param scheme: ``http`` (its method CONNECT) or ``socks5``.
    :param host: the proxy's own name or address.
    :param username: for Basic authentication or that of SOCKS5 (RFC 1929); None for none.
    :raises EndpointError: when a part cannot be used, with the mend; never with the user or the password.
    """

    scheme: str = field(validator=_proxy_scheme)
    host: str
    port: int = field(validator=_proxy_port)
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.username is None and self.password is None:
            return
        if self.scheme == "http":
            if not self.username or ":" in self.username:
                raise EndpointError("the proxy's user name is empty or has a colon, which Basic authentication forbids")
            return
        for part in (self.username, self.password):
            if not part or not part.isascii() or len(part) > _SOCKS_LIMIT:
                raise EndpointError(
                    f"a SOCKS5 proxy takes a user name and a password, each of 1 to {_SOCKS_LIMIT} characters of ASCII"
                )

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Read ``http://[user:password@]host:port``, or ``socks5://`` or ``socks5h://``, userinfo percent-encoded.

        Both forms of SOCKS5 let the proxy resolve the endpoint's name.

        :raises EndpointError: when it is something else, with what to write instead.
        """
        scheme, separator, rest = text.partition("://")
        scheme = scheme.lower()
        if not separator or scheme not in ("http", "socks5", "socks5h"):
            raise EndpointError("the proxy is a URL; write http://host:port, socks5://host:port or socks5h://host:port")
        userinfo, at, place = rest.removesuffix("/").rpartition("@")
        match = HOST_PORT.fullmatch(place)
        if match is None:
            # What was typed may hold a password that was not percent-encoded.
            raise EndpointError(
                f"no host:port at the end of the proxy's URL; write {scheme}://user:password@host:port, in user and "
                "password / as %2F, ? as %3F, # as %23 and @ as %40"
            )
        if match["port"] is None:
            raise EndpointError(f"the proxy has no port; write {scheme}://{place}:PORT (3128 and 1080 are usual)")
        username, colon, password = userinfo.partition(":")
        return cls(
            scheme="http" if scheme == "http" else "socks5",
            host=match["v6"] or match["host"],
            port=int(match["port"]),
            username=_decoded(username) if at else None,
            password=_decoded(password) if colon else None,
        )

    def __str__(self) -> str:
        return f"{self.scheme}://{authority(self.host, self.port)}"


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise EndpointError("the proxy's user or password is no percent-encoded UTF-8; encode it again") from None
