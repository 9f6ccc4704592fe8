"""Who the clients of a swarm are: each has a client id and credentials of its own."""

from __future__ import annotations

import csv
import functools
import io
from typing import TYPE_CHECKING, Any, Protocol

from attrs import evolve, field, frozen

from customauth.credentials import CustomAuth, SignedToken
from customauth.errors import CredentialError

if TYPE_CHECKING:
    from customauth.signing import KeySigner

COLUMNS = (
    "client_id",
    "authorizer",
    "username",
    "password",
    "token_key_name",
    "token",
    "signature",
    "jwt",
)
"""What a CSV file may have a column for; what it lacks is taken from the options."""


@frozen(kw_only=True)
class Identity:
    """One client."""

    client_id: str
    credentials: CustomAuth = field(repr=False)


class Identities(Protocol):
    """The source of the credentials: asked for a client's before each of its attempts, so that tokens are fresh.

    It is sent to the processes of the swarm, so it has to be picklable.
    """

    @property
    def count(self) -> int | None:
        """How many there are, None for any number."""

    def client_id_of(self, number: int) -> str:
        """Return the client id of a number, counted from 0."""

    def identity(self, number: int) -> Identity:
        """Return the client of a number, counted from 0.

        :raises CredentialError: its credentials cannot work.
        """


@frozen(kw_only=True)
class Template:
    """Texts in which ``{n}`` is the client's number and ``{client_id}`` its client id.

    :param token: what is signed with ``private_pem``, or comes with ``signature``.
    :param private_pem: signs every token; the token may then differ from client to client (B17).
    :param signature: of a token that all have.
    :param jwt: an RS256 JWT that all have (B18).
    """

    client_id: str = "device-{n}"
    authorizer: str | None = None
    username: str = ""
    password: str | None = field(default=None, repr=False)
    token_key_name: str | None = None
    token: str | None = field(default=None, repr=False)
    signature: str | None = field(default=None, repr=False)
    private_pem: bytes | None = field(default=None, repr=False)
    passphrase: bytes | None = field(default=None, repr=False)
    jwt: str | None = field(default=None, repr=False)

    @property
    def count(self) -> int | None:
        return None

    def client_id_of(self, number: int) -> str:
        return _filled(self.client_id, number, "")

    def identity(self, number: int) -> Identity:
        client_id = self.client_id_of(number)
        username = _filled(self.username, number, client_id)
        password = None if self.password is None else _filled(self.password, number, client_id)
        if self.jwt is not None:
            credentials = CustomAuth.from_jwt(
                self.jwt,
                token_key_name=self._key_name(),
                authorizer=self.authorizer,
                username=username,
                password=password,
            )
        else:
            credentials = CustomAuth(
                authorizer=self.authorizer,
                username=username,
                password=password,
                token=self._token(number, client_id),
            )
        return Identity(client_id=client_id, credentials=credentials)

    def _key_name(self) -> str:
        if self.token_key_name is None:
            raise CredentialError("the token needs a name: add --token-key-name, the authorizer's tokenKeyName")
        return self.token_key_name

    def _token(self, number: int, client_id: str) -> SignedToken | None:
        if self.token is None:
            return None
        value = _filled(self.token, number, client_id)
        if self.private_pem is not None:
            from customauth.signing import signed_token

            return signed_token(self._key_name(), value, signer=_signer(self.private_pem, self.passphrase))
        if self.signature is None:
            raise CredentialError("the token needs a signature: give one that all clients share, or --sign-with")
        return SignedToken(key_name=self._key_name(), value=value, signature=self.signature)


@frozen(kw_only=True)
class Table:
    """The rows of a CSV file; what a row lacks is the template's."""

    template: Template
    rows: tuple[dict[str, str], ...] = field(repr=False)

    @property
    def count(self) -> int | None:
        return len(self.rows)

    def client_id_of(self, number: int) -> str:
        return self._template(number).client_id_of(number)

    def identity(self, number: int) -> Identity:
        return self._template(number).identity(number)

    def _template(self, number: int) -> Template:
        row: dict[str, Any] = dict(self.rows[number])
        # What a row says goes before another way to the same that the template has.
        if "signature" in row:
            row["private_pem"] = None
        if "token" in row and "jwt" not in row:
            row["jwt"] = None
        return evolve(self.template, **row)

    @classmethod
    def read(cls, text: str, template: Template) -> Table:
        """Read a CSV file whose first line names its columns (:data:`COLUMNS`).

        :raises CredentialError: when it is none, has no rows, a column is unknown, or two rows have one client id.
        """
        # Some spreadsheets begin their files with a byte order mark.
        reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        names = reader.fieldnames or []
        unknown = [name for name in names if name not in COLUMNS]
        if not names or unknown:
            which = f"column {unknown[0]!r} is unknown" if unknown else "the file is empty"
            raise CredentialError(f"--csv: {which}; its first line names columns out of {', '.join(COLUMNS)}")
        rows = []
        try:
            for number, row in enumerate(reader, start=2):
                if None in row or None in row.values():
                    raise CredentialError(f"--csv: line {number} has not {len(names)} values, as the first line says")
                rows.append({name: value for name, value in row.items() if value})
        except csv.Error as error:
            raise CredentialError(
                f"--csv: line {reader.line_num} is no CSV ({error}); quote what holds commas"
            ) from None
        if not rows:
            raise CredentialError("--csv: there are no rows; give one for each client below the names of the columns")
        ids = [row["client_id"] for row in rows if "client_id" in row]
        if len(set(ids)) != len(ids):
            raise CredentialError("--csv: two rows have one client id; AWS would throw one of them out (E15)")
        return cls(template=template, rows=tuple(rows))


@functools.lru_cache(maxsize=1)
def _signer(private_pem: bytes, passphrase: bytes | None) -> KeySigner:
    from customauth.signing import KeySigner

    return KeySigner(private_pem, passphrase=passphrase)


def _filled(text: str, number: int, client_id: str) -> str:
    return text.replace("{n}", str(number)).replace("{client_id}", client_id)
