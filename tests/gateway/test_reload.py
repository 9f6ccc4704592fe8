"""Changes of the configuration's files while the gateway runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from aloop import run
from customauth.gateway import ConfigError, GatewayConfig, load_config
from customauth.gateway.ca import server_identity
from customauth.gateway.reload import ConfigWatcher
from customauth.signing import generate_key_pair

OPEN = 'status = "ACTIVE"\nfunction = "auth.py:handler"\nsigning_disabled = true\n'
SIGNED = 'status = "ACTIVE"\nfunction = "auth.py:handler"\ntoken_key_name = "token"\n'
POLICY = '{"Statement": {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}}'


@pytest.fixture(scope="session")
def pems() -> tuple[bytes, bytes]:
    """Give two public keys."""
    return generate_key_pair().public_pem, generate_key_pair().public_pem


class Watched:
    """A folder with a configuration, its watcher, and what the watcher has reported.

    Every change gets a time of its own, as a file system may give two quick ones the same.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "gateway.toml"
        self._time = 1_000_000_000
        self.write("auth.py", "def handler(event, context): ...")
        self.write("gateway.toml", f"[authorizers.a]\n{OPEN}")
        self.changes: list[GatewayConfig] = []
        self.refusals: list[ConfigError] = []
        self.start()

    def start(self) -> None:
        """Begin to watch what the folder holds now."""
        self.loaded = load_config(self.file)
        self.watcher = ConfigWatcher(
            self.file,
            self.loaded,
            changed=self.changes.append,
            refused=self.refusals.append,
        )

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file in place."""
        file = self.folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        self._time += 1
        os.utime(file, (self._time, self._time))

    def look(self, times: int = 4) -> None:
        """Look often enough for whatever is at rest to be reported."""
        for _ in range(times):
            self.watcher.look()

    def names(self) -> list[list[str]]:
        """List the authorizers of each configuration that was reported."""
        return [list(config.authorizers) for config in self.changes]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_files_that_stay_as_they_are_report_nothing(watched: Watched) -> None:
    watched.look()
    assert (watched.changes, watched.refusals) == ([], [])


def test_a_change_is_reported_once(watched: Watched) -> None:
    watched.look()
    watched.write("gateway.toml", f"[authorizers.b]\n{OPEN}")
    watched.look()
    assert watched.names() == [["b"]]
    watched.write("gateway.toml", f"[authorizers.a]\n{OPEN}")
    watched.look()
    assert watched.names() == [["b"], ["a"]]
    assert watched.refusals == []


def test_a_change_between_loading_and_watching_is_reported(watched: Watched) -> None:
    watched.write("gateway.toml", f"[authorizers.b]\n{OPEN}")
    watched.look()
    assert watched.names() == [["b"]]


def test_a_change_that_says_the_same_is_not_reported(watched: Watched) -> None:
    watched.look()
    watched.write("gateway.toml", f"# A remark.\n[authorizers.a]\n{OPEN}")
    watched.look()
    assert (watched.changes, watched.refusals) == ([], [])


def test_a_broken_file_is_refused_once_and_the_mended_one_taken(watched: Watched) -> None:
    watched.look()
    watched.write("gateway.toml", f'[authorizers.b]\n{OPEN}status = "x"\n')
    watched.look(10)
    (refusal,) = watched.refusals
    assert str(refusal).startswith(f"{watched.file} line 5: not TOML: Cannot overwrite a value")
    assert refusal.line == 5
    assert watched.changes == []
    watched.write("gateway.toml", f"[authorizers.b]\n{OPEN}")
    watched.look()
    assert watched.names() == [["b"]]
    assert len(watched.refusals) == 1


def test_each_broken_state_is_refused(watched: Watched) -> None:
    watched.write("gateway.toml", "one")
    watched.look()
    watched.write("gateway.toml", "[two]")
    watched.look()
    watched.file.unlink()
    watched.look()
    assert [str(refusal).partition(": ")[2] for refusal in watched.refusals] == [
        "not TOML: Expected '=' after a key in a key/value pair (at end of document)",
        "there is no authorizer; add a table [authorizers.NAME]",
        "No such file or directory",
    ]


def test_the_same_file_is_refused_again_after_a_good_one(watched: Watched) -> None:
    watched.write("broken.toml", "broken")
    good = watched.file.rename(watched.folder / "good.toml")
    for target in ("broken.toml", good, "broken.toml", good):
        watched.file.unlink(missing_ok=True)
        watched.file.symlink_to(target)
        watched.look()
    assert len(watched.refusals) == 2
    assert watched.changes == []


def test_half_a_file_that_could_be_used_is_not_taken(watched: Watched) -> None:
    watched.look()
    half = f"[authorizers.b]\n{OPEN}"
    watched.write("gateway.toml", half)
    watched.look(1)
    watched.write("gateway.toml", f"{half}[authorizers.c]\n{OPEN}")
    watched.look()
    assert watched.names() == [["b", "c"]]


def test_a_file_that_is_empty_for_a_moment_is_not_refused(watched: Watched) -> None:
    watched.look()
    for content in ("", "[authorizers.b", f"[authorizers.b]\n{OPEN}"):
        watched.write("gateway.toml", content)
        watched.look(1)
    watched.look()
    assert watched.names() == [["b"]]
    assert watched.refusals == []


def test_a_file_that_is_replaced_by_rename_is_not_refused(watched: Watched) -> None:
    watched.look()
    watched.file.rename(watched.folder / "gateway.toml~")
    watched.look(1)
    watched.write(".new", f"[authorizers.b]\n{OPEN}")
    (watched.folder / ".new").rename(watched.file)
    watched.look()
    assert watched.names() == [["b"]]
    assert watched.refusals == []


def test_a_replacement_of_the_same_size_and_time_is_noticed(watched: Watched) -> None:
    watched.look()
    before = watched.file.stat()
    watched.write(".new", f"[authorizers.b]\n{OPEN}")
    (watched.folder / ".new").rename(watched.file)
    os.utime(watched.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    watched.look()
    assert watched.names() == [["b"]]


@pytest.mark.fact("B19")
def test_a_public_key_that_is_exchanged_is_loaded(watched: Watched, pems: tuple[bytes, bytes]) -> None:
    watched.write("key.pem", pems[0])
    watched.write("gateway.toml", f'[authorizers.a]\n{SIGNED}token_signing_public_keys = {{ k = "key.pem" }}\n')
    watched.look()
    watched.write("key.pem", pems[1])
    watched.look()
    first, second = (config.authorizers["a"].public_keys["k"] for config in watched.changes)
    assert first != second


def test_a_newly_named_file_must_be_at_rest_too(watched: Watched, pems: tuple[bytes, bytes]) -> None:
    watched.write("key.pem", pems[0])
    watched.write("gateway.toml", f'[authorizers.a]\n{SIGNED}token_signing_public_keys = {{ k = "key.pem" }}\n')
    watched.look()
    watched.write("key.pem", pems[1])
    watched.look(1)
    watched.write("key.pem", pems[0])
    watched.look()
    assert len(watched.changes) == 1


def test_a_key_that_is_there_from_the_start_is_watched(watched: Watched, pems: tuple[bytes, bytes]) -> None:
    watched.write("key.pem", pems[0])
    watched.write("gateway.toml", f'[authorizers.a]\n{SIGNED}token_signing_public_keys = {{ k = "key.pem" }}\n')
    watched.start()
    watched.look()
    watched.write("key.pem", b"broken")
    watched.look()
    (refusal,) = watched.refusals
    assert "authorizers.a.token_signing_public_keys.k: this is not a PEM public key" in str(refusal)
    watched.write("key.pem", pems[1])
    watched.look()
    assert len(watched.changes) == 1


@pytest.mark.fact("A66")
def test_certificates_and_their_policies_are_watched(
    watched: Watched, tmp_path_factory: pytest.TempPathFactory
) -> None:
    certificates = [
        server_identity(tmp_path_factory.mktemp("ca"), ["pump"]).certificate_file.read_bytes() for _ in range(2)
    ]
    watched.write("pump.pem", certificates[0])
    watched.write("policy.json", POLICY)
    table = '[client_certificates.pump]\ncertificate = "pump.pem"\npolicy_documents = ["policy.json"]\n'
    watched.write("gateway.toml", f"{table}[authorizers.a]\n{OPEN}")
    watched.start()
    watched.look()
    watched.write("pump.pem", certificates[1])
    watched.look()
    watched.write("policy.json", POLICY.replace("Allow", "Deny"))
    watched.look()
    (before,), (exchanged,), (denying,) = (config.client_certificates for config in (watched.loaded, *watched.changes))
    assert before.principal_id != exchanged.principal_id == denying.principal_id
    assert before.policy_documents == exchanged.policy_documents != denying.policy_documents


def test_a_named_file_that_comes_later_mends_the_configuration(watched: Watched, pems: tuple[bytes, bytes]) -> None:
    watched.look()
    watched.write("gateway.toml", f'[authorizers.b]\n{SIGNED}token_signing_public_keys = {{ k = "key.pem" }}\n')
    watched.look()
    assert [str(refusal).rpartition(": ")[2] for refusal in watched.refusals] == ["No such file or directory"]
    watched.write("key.pem", pems[0][:100])
    watched.look(1)
    watched.write("key.pem", pems[0])
    watched.look()
    assert watched.names() == [["b"]]
    assert len(watched.refusals) == 1


def test_a_function_that_comes_later_mends_the_configuration(watched: Watched) -> None:
    watched.write("gateway.toml", f"[authorizers.b]\n{OPEN}".replace("auth.py", "later.py"))
    watched.look()
    assert len(watched.refusals) == 1
    watched.write("later.py", "def handler(event, context): ...")
    watched.look()
    assert watched.names() == [["b"]]


def test_the_functions_file_is_not_watched(watched: Watched) -> None:
    watched.look()
    watched.write("auth.py", "changed")
    watched.look()
    assert (watched.changes, watched.refusals) == ([], [])


def test_it_looks_until_it_is_cancelled(watched: Watched) -> None:
    async def main() -> None:
        reports: asyncio.Queue[ConfigError | GatewayConfig] = asyncio.Queue()
        watcher = ConfigWatcher(
            watched.file, watched.loaded, changed=reports.put_nowait, refused=reports.put_nowait, interval=0.001
        )
        task = asyncio.create_task(watcher.run())
        async with asyncio.timeout(60):
            watched.write("gateway.toml", "broken")
            assert isinstance(await reports.get(), ConfigError)
            watched.write("gateway.toml", f"[authorizers.b]\n{OPEN}")
            assert isinstance(await reports.get(), GatewayConfig)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(main())
