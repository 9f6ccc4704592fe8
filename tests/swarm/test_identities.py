"""Who the clients of a swarm are."""

from __future__ import annotations

import pickle

import pytest

from customauth import CredentialError
from customauth.signing import generate_key_pair, verify
from customauth.swarm import Table, Template


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    """Give a private and a public key; making them is slow."""
    made = generate_key_pair()
    return made.private_pem, made.public_pem


def test_each_client_has_a_name_and_a_password_of_its_own() -> None:
    template = Template(client_id="lamp-{n}", username="user-{client_id}", password="secret-{n}")
    who = template.identity(7)
    assert who.client_id == template.client_id_of(7) == "lamp-7"
    assert who.credentials.mqtt_username() == "user-lamp-7"
    assert who.credentials.password == b"secret-7"


def test_each_client_signs_a_token_of_its_own(pair: tuple[bytes, bytes]) -> None:
    private_pem, public_pem = pair
    template = Template(token_key_name="token", token="of-{client_id}", private_pem=private_pem)
    token = template.identity(3).credentials.token
    assert token is not None
    assert token.value == "of-device-3"
    assert verify(token.value, token.signature, public_pem)


def test_a_template_survives_the_way_to_another_process(pair: tuple[bytes, bytes]) -> None:
    template = Template(token_key_name="token", token="t-{n}", private_pem=pair[0])
    assert pickle.loads(pickle.dumps(template)).identity(1) == template.identity(1)  # noqa: S301 - made here


def test_a_row_goes_before_the_template() -> None:
    template = Template(authorizer="everyone", username="nobody", password="secret-{n}")
    table = Table.read("client_id,username,password\na,alice,wonderland\nb,bob,\n", template)
    first, second = table.identity(0), table.identity(1)
    assert table.count == 2
    assert (first.client_id, first.credentials.username, first.credentials.password) == ("a", "alice", b"wonderland")
    assert second.credentials.password == b"secret-1"
    assert second.credentials.authorizer == "everyone"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("client,password\na,b\n", "column 'client' is unknown"),
        ("client_id,username\na\n", "line 2 has not 2 values"),
        ("client_id,username\na,b,c\n", "line 2 has not 2 values"),
        ("client_id\na\na\n", "two rows have one client id"),
        ('client_id\n"a\n', "no CSV"),
    ],
)
def test_a_table_that_is_none_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(CredentialError, match=said):
        Table.read(text, Template())


def test_a_token_without_a_signature_is_refused() -> None:
    with pytest.raises(CredentialError, match="--sign-with"):
        Template(token_key_name="token", token="t").identity(0)


def test_no_repr_shows_a_secret(pair: tuple[bytes, bytes]) -> None:
    template = Template(token_key_name="token", token="geheim", private_pem=pair[0], password="geheim")
    table = Table.read("client_id,password\na,geheim\n", template)
    for shown in (repr(template), repr(table), repr(table.identity(0))):
        assert "geheim" not in shown
        assert "PRIVATE" not in shown


def test_a_row_that_brings_a_signature_is_not_signed_again(pair: tuple[bytes, bytes]) -> None:
    template = Template(token_key_name="token", private_pem=pair[0])
    own = "A" * 342 + "=="
    table = Table.read(f"client_id,token,signature\na,first,{own}\nb,second,\n", template)
    given, signed = (table.identity(number).credentials.token for number in (0, 1))
    assert given is not None
    assert given.signature == own
    assert signed is not None
    assert verify(signed.value, signed.signature, pair[1])


def test_a_table_from_a_spreadsheet_is_read() -> None:
    table = Table.read("\ufeffclient_id,username\r\na,alice\r\n", Template())
    assert table.identity(0).client_id == "a"


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(CredentialError, match="there are no rows"):
        Table.read("client_id,username\n", Template())
