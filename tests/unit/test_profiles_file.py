"""The file of profiles: what it may hold, and what each mistake in it is told as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from customauth.profiles.keys import EXCLUSIVE, KEYS, Kind, canonical, spellings
from customauth.profiles.reading import Profile, ProfileError, read_profiles
from customauth.profiles.references import Reference, UnusableReference

SECRETS = [key for key, kind in KEYS.items() if kind is Kind.SECRET]


def _profile(folder: Path, body: str) -> Profile:
    path = folder / "config.toml"
    path.write_text(f"[profiles.lab]\n{body}\n")
    return read_profiles(path).profile("lab")


def _fault(folder: Path, text: str, name: str | None = "lab") -> ProfileError:
    path = folder / "config.toml"
    path.write_text(text)
    with pytest.raises(ProfileError) as caught:
        read_profiles(path).chosen(name)
    return caught.value


def test_values_are_as_they_stand_there_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    profile = _profile(
        tmp_path,
        'endpoint = "h:1"\nport = 1\ntimeout = 2.5\nkeep-alive = 30\nno_clean_start = true\ncafile = "ca.pem"\n'
        'cert = "/c.pem"\nkey = "~/k.pem"\nsign_with = "kms:alias/k"\npublic_key = ["a.pem", "/b.pem"]\n'
        'connect_user_property = [["a", "b"]]\nsubscribe = ["a/#"]',
    )
    assert profile.values == {
        "endpoint": "h:1",
        "port": 1,
        "timeout": 2.5,
        "keep_alive": 30,
        "no_clean_start": True,
        "cafile": str(tmp_path / "ca.pem"),
        "cert": "/c.pem",
        "key": str(Path.home() / "k.pem"),
        "sign_with": "kms:alias/k",
        "public_key": (str(tmp_path / "a.pem"), "/b.pem"),
        "connect_user_property": (("a", "b"),),
        "subscribe": ("a/#",),
    }


@pytest.mark.parametrize(
    ("spelled", "key"),
    [
        ("authorizer-name", "authorizer"),
        ("token-key-name", "token_key_name"),
        ("authorizer_token_key_name", "token_key_name"),
        ("authorizer-token-key-value", "token"),
        ("authorizer_signature", "token_signature"),
    ],
)
def test_a_key_may_be_spelled_as_any_long_name_of_its_option(tmp_path: Path, spelled: str, key: str) -> None:
    assert canonical(spelled) == key
    assert _profile(tmp_path, f'{spelled} = "env:X"').has(key)


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_itself_is_refused_with_how_to_refer_to_it_and_is_not_shown(tmp_path: Path, key: str) -> None:
    error = _fault(tmp_path, f'[profiles.lab]\n\n{key} = "hunter2"\n')
    assert f"config.toml line 3: profiles.lab.{key}: secrets do not stand in this file" in str(error)
    assert f'{key} = "file:PATH", "env:NAME" or "cmd:COMMAND"' in str(error)
    assert "hunter2" not in f"{error}{error.next_step}{error!r}"


@pytest.mark.parametrize("value", ["7", "true", "['a']", "{ a = 1 }"])
def test_a_secret_of_another_type_is_refused_and_not_shown(tmp_path: Path, value: str) -> None:
    error = _fault(tmp_path, f"[profiles.lab]\npassword = {value}\n")
    assert "line 2: profiles.lab.password: a reference in quotes is wanted" in str(error)
    assert "cmd:COMMAND" in str(error)


def test_a_proxy_stands_there_itself_unless_it_has_a_password(tmp_path: Path) -> None:
    assert _profile(tmp_path, 'proxy = "http://proxy:3128"').secret("proxy") == b"http://proxy:3128"
    error = _fault(tmp_path, '[profiles.lab]\nproxy = "http://me:hunter2@proxy:3128"\n')
    assert 'proxy = "file:PATH"' in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[profiles.lab]\nendpont = "x"', "line 2: profiles.lab.endpont: unknown; is endpoint meant?"),
        ("[profiles.lab]\nclean_start = true", "unknown; is no_clean_start meant?"),
        ('[profiles.lab]\nzzzzzz = "x"', "unknown; known: endpoint, authorizer, "),
        ('[profiles.lab]\npassword_file = "p"', 'password_file: write it as password = "file:PATH"'),
        ('[profiles.lab]\nproxy-file = "p"', 'proxy-file: write it as proxy = "file:PATH"'),
        ('[profiles.lab]\nport = "443"', "line 2: profiles.lab.port: a whole number, without quotes, is wanted"),
        ("[profiles.lab]\nport = true", "profiles.lab.port: a whole number"),
        ('[profiles.lab]\nno_clean_start = "yes"', "true or false, without quotes, is wanted"),
        ("[profiles.lab]\nclient_id = 7", "client_id: a text in quotes is wanted"),
        ('[profiles.lab]\ntimeout = "1"', "timeout: a number, without quotes, is wanted"),
        ('[profiles.lab]\npublic_key = "a.pem"', "public_key: a list of paths in quotes is wanted"),
        ('[profiles.lab]\nconnect_user_property = [["a"]]', 'a list of pairs, [["NAME", "VALUE"]], is wanted'),
        ('[profiles.lab]\nauthorizer = "a"\nauthorizer_name = "b"', "line 3: profiles.lab.authorizer_name: it is th"),
        ('[profiles.lab]\njwt = "env:J"\ntoken = "env:T"', "profiles.lab.jwt: jwt and token exclude each other"),
        ('[profiles.lab]\nsign_with = "k"\ntoken-signature = "env:S"', "token-signature and sign_with exclude each"),
        ('[profiles.lab]\ntoken = "file:"', "line 2: profiles.lab.token: there is nothing behind file:"),
        ('[profiles.lab]\ntoken = "cmd:echo \'a"', "a quotation mark that is never closed"),
        ('profiles = "x"', "line 1: profiles: it is no table"),
        ("[profiles]\nlab = 1", "line 2: profiles.lab: it is no table; write [profiles.lab]"),
        ('[lab]\nendpoint = "x"', "line 1: lab: unknown; a profile is a table [profiles.lab]"),
        ('[profile.lab]\nendpoint = "x"', "line 1: profile: unknown; a profile is a table [profiles.lab]"),
        ('[profile]\nendpoint = "x"', "line 1: profile: unknown; a profile is a table [profiles.profile]"),
        ('endpoint = "x"', "line 1: endpoint: unknown; write it in a profile"),
        ('defalt = "lab"', "line 1: defalt: unknown; is default meant?"),
        ("default = 1", "line 1: default: the name of a profile, in quotes, is wanted"),
        ("[profiles.lab\n", "line 1: not TOML: "),
        ("[profiles.lab]\nx = \n", "line 2: not TOML: "),
        ("x = '''\n", "not TOML: "),
        ("x = " + "[" * 10_000, "not TOML: "),
    ],
)
def test_a_mistake_is_told_with_file_and_line_and_what_is_meant(tmp_path: Path, text: str, message: str) -> None:
    assert message in str(_fault(tmp_path, text))
    assert str(_fault(tmp_path, text)).startswith(str(tmp_path / "config.toml"))


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"[profiles.lab]\nusername = '\xff'\n")
    with pytest.raises(ProfileError, match=r"config\.toml line 2: not TOML: it is no UTF-8 text"):
        read_profiles(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="Is a directory"):
        read_profiles(tmp_path)


def test_an_unknown_profile_is_told_with_the_nearest_or_all(tmp_path: Path) -> None:
    text = "[profiles.lab]\n[profiles.production]\n"
    assert _fault(tmp_path, text, "labb").next_step == "is 'lab' meant?"
    assert _fault(tmp_path, text, "xxx").next_step == "take one of lab, production"
    assert _fault(tmp_path, "", "x y").next_step == "write one: [profiles.'x y']"


def test_without_a_name_the_default_counts(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("default = 'b'\n[profiles.a]\n[profiles.b]\n")
    chosen = read_profiles(path).chosen(None)
    assert chosen is not None
    assert chosen.name == "b"
    path.write_text("[profiles.a]\n")
    assert read_profiles(path).chosen(None) is None


def test_a_default_that_is_not_there_is_told_only_where_it_is_wanted(tmp_path: Path) -> None:
    text = "default = 'c'\n[profiles.a]\n"
    assert "line 1: default: there is no profile 'c'; there are a" in str(_fault(tmp_path, text, None))
    assert read_profiles(tmp_path / "config.toml").profile("a").name == "a"


def test_a_mistake_in_one_profile_leaves_the_others_usable(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[profiles.bad]\nx = 1\n[profiles.good]\nport = 1\n")
    assert read_profiles(path).profile("good").values == {"port": 1}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(spellings()) | st.text(), _VALUES)
def test_whatever_a_key_holds_it_is_taken_or_told(key: str, value: Any) -> None:
    file = evolve(read_profiles(Path("/dev/null")), tables={"lab": {key: value}})
    told = None
    try:
        profile = file.profile("lab")
    except ProfileError as error:
        told = str(error)
    else:
        assert profile.has(canonical(key))
    assert told is None or told.startswith("/dev/null: profiles.lab.")


@given(st.sampled_from(["file", "env", "cmd"]), st.text().filter(str.strip))
def test_a_reference_is_written_as_it_was_read(scheme: str, target: str) -> None:
    try:
        reference = Reference.parse(f"{scheme}:{target}", folder=Path("/"))
    except UnusableReference:
        assert scheme == "cmd"
    else:
        assert reference is not None
        assert str(reference) == f"{scheme}:{target}"


def test_what_excludes_each_other_is_made_of_keys() -> None:
    assert {key for pair in EXCLUSIVE for key in pair} <= KEYS.keys()
