"""What a client presented, in its user name, URL query and headers, read as leniently as AWS reads it (A1-A28)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from attrs import field, frozen

from customauth import _parameters as grammar
from customauth.gateway.origin import HttpRequest


@frozen(kw_only=True)
class Presented:
    """The custom-authentication parameters of one attempt.

    Each value is looked up on its own: in the user name, then in the URL query, then in the headers (A16, J3); the
    first one counts.

    :ivar username: decoded pairs of the user name, in the order sent.
    :ivar query: form-decoded pairs of the URL query (A14).
    :ivar headers: by lower-cased name, of a repeated one the first.
    """

    username: grammar.Parameters = field(factory=list, repr=False)
    query: grammar.Parameters = field(factory=list, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)

    @classmethod
    def read(cls, username: str | None, http: HttpRequest | None, *, plus_is_space: bool = False) -> Presented:
        """Read all three sources; what cannot be decoded is taken as it stands.

        :param plus_is_space: read ``+`` in the user name as a space too (A14).
        """
        _, text = grammar.split_username(username or "")
        if plus_is_space:
            text = (text or "").replace("+", " ")
        pairs = grammar.split_parameters(text or "")
        return cls(
            username=[(grammar.decode_leniently(key), grammar.decode_leniently(value)) for key, value in pairs],
            query=parse_qsl(http.query, keep_blank_values=True) if http is not None else [],
            headers=_first_values(http) if http is not None else {},
        )

    @property
    def authorizer_name(self) -> str | None:
        """The name of the authorizer; an empty one counts as none (J9)."""
        return next((value for value in self._values(grammar.AUTHORIZER_NAME) if value), None)

    @property
    def signature(self) -> str | None:
        """The token's signature."""
        return next(self._values(grammar.SIGNATURE), None)

    def token(self, key_name: str) -> str | None:
        """Return the value under the authorizer's token key name: exact, but for headers (A17)."""
        return next(self._values(key_name), None)

    def names(self) -> list[str]:
        """Return the names that can be shown, with their source: no values, and nothing that looks like one."""
        headers = [name for name in self.headers if name in (grammar.AUTHORIZER_NAME, grammar.SIGNATURE)]
        return [
            *grammar.showable_names(self.username),
            *(f"{name} (query)" for name in grammar.showable_names(self.query)),
            *(f"{name} (header)" for name in headers),
        ]

    def _values(self, name: str) -> Iterator[str]:
        yield from (value for key, value in self.username if grammar.same_name(key, name))
        yield from (value for key, value in self.query if grammar.same_name(key, name))
        value = self.headers.get(name.lower())
        if value is not None:
            yield value


def _first_values(http: HttpRequest) -> Mapping[str, str]:
    return {**http.headers, **{name: values[0] for name, values in http.repeated.items()}}
