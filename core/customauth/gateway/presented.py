"""What a client presented in its CONNECT, read as leniently as AWS reads it."""

from __future__ import annotations

from attrs import field, frozen

from customauth import _parameters as grammar


@frozen(kw_only=True)
class Presented:
    """The custom-authentication parameters of a user name (A1-A17).

    :ivar parameters: decoded pairs, in the order sent.
    """

    parameters: grammar.Parameters = field(factory=list, repr=False)

    @classmethod
    def from_username(cls, username: str | None) -> Presented:
        """Read the parameters behind the last ``?`` (A5); what cannot be decoded is taken as it stands."""
        _, text = grammar.split_username(username or "")
        pairs = grammar.split_parameters(text or "")
        return cls(
            parameters=[(grammar.decode_leniently(key), grammar.decode_leniently(value)) for key, value in pairs]
        )

    @property
    def authorizer_name(self) -> str | None:
        """The name of the authorizer; an empty one counts as none (J9)."""
        return grammar.first(self.parameters, grammar.AUTHORIZER_NAME) or None

    @property
    def signature(self) -> str | None:
        """The token's signature."""
        return grammar.first(self.parameters, grammar.SIGNATURE)

    def token(self, key_name: str) -> str | None:
        """Return the value under the authorizer's token key name, which is compared exactly (A17)."""
        return grammar.first(self.parameters, key_name)

    def names(self) -> list[str]:
        """Return the names of the parameters that can be shown: no values, and nothing that looks like one."""
        return grammar.showable_names(self.parameters)
