"""Keep the set-up's secrets out of what is shown of the packets and of the peer's answers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from attrs import field, frozen

from customauth import _parameters as grammar
from customauth.doctor.setup import Setup

MASK = "***"

# A shorter one is found in any text, and the gaps would tell it.
_SHORTEST = 4


@frozen
class Masking:
    """Masks the secrets of one set-up, or of several."""

    _secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, *setups: Setup) -> Masking:
        """Gather the secrets: password, token, signature, JWT, and all values that travel with them."""
        found = {value for setup in setups for value in _values(setup) if len(value) >= _SHORTEST}
        found |= {grammar.decode_leniently(value) for value in found}
        found |= {quote(value, safe="", errors="replace") for value in found}
        return cls(tuple(sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)))

    def line(self, text: str, longest: int = 160) -> str:
        """Return what a peer said fit for one line: without secrets, control characters and the end of a long text."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = "".join(char if char.isprintable() else " " for char in text).strip()
        return text if len(text) <= longest else f"{text[:longest]}…"

    def data(self, data: bytes) -> bytes:
        """Return bytes of a peer in which each byte of a secret is an asterisk."""
        for secret in self._secrets:
            raw = secret.encode(errors="surrogatepass")
            data = data.replace(raw, b"*" * len(raw))
        return data


def _values(setup: Setup) -> Iterator[str]:
    if setup.password is not None:
        yield setup.password.decode(errors="replace")
    yield from (text for text in (setup.parts.token, setup.parts.signature, setup.jwt) if text)
    for text in (setup.username, setup.query and f"?{setup.query}"):
        if text:
            yield text
            parameters = grammar.split_parameters(grammar.split_username(text)[1] or "")
            yield from (value for name, value in parameters if not _is_plain(name))
    yield from (value for name, value in setup.headers.items() if not _is_plain(name))
    if setup.endpoint is not None and setup.endpoint.proxy is not None and setup.endpoint.proxy.password:
        yield setup.endpoint.proxy.password


def _is_plain(name: str) -> bool:
    return grammar.same_name(name, grammar.AUTHORIZER_NAME) or name in grammar.SDK_NAMES
