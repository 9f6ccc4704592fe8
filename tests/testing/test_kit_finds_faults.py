"""The conformance kit fails where it must: each broken backend is caught by the test that is there for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).parents[2]
_TEMPLATE = ROOT / "examples" / "template-backend" / "src"

_HEAD = """\
import asyncio

from customauth import Acknowledgement, ClosedBeforeConnack, ConnackRefused, Disconnected, Feature
from customauth_template import TemplateBackend
from customauth_template._connection import TemplateConnection


class BrokenBackend(TemplateBackend):
    connection = TemplateConnection

    async def connect(self, request):
        from customauth_template import _attempt

        _attempt.TemplateConnection = self.connection
        return await _attempt.connect(request)


"""

_SUITE = """\
import pytest
from broken import Broken
from customauth.testing.conformance import BackendConformance, cancelling, failures, kit, lifecycle

# What never comes is not waited for as long as on a busy machine.
for room in (cancelling, failures, kit, lifecycle):
    room.LIMIT = 8.0
kit.PATIENCE = 2.0


class TestBroken(BackendConformance):
    @pytest.fixture
    def backend(self):
        return Broken()
"""


@frozen(kw_only=True)
class Fault:
    """A broken backend, the tests that are run on it, and those of them that must fail."""

    source: str
    run: str
    caught: frozenset[str]


FAULTS = {
    "never-acknowledges-what-it-receives": Fault(
        source="""\
class Silent(TemplateConnection):
    def _send(self, packet):
        if type(packet).__name__ != "Puback":
            super()._send(packet)


class Broken(BrokenBackend):
    connection = Silent
""",
        run="a_message_behind_the_connack or every_property_of_a_message",
        caught=frozenset({"test_every_property_of_a_message_is_received[1-5]"}),
    ),
    "never-resolves-an-answer": Fault(
        source="""\
class Deaf(TemplateConnection):
    def _answered_by_server(self, packet_id, code, properties):
        pass


class Broken(BrokenBackend):
    connection = Deaf
""",
        run="requests_are_answered and 5 or aclose_says_goodbye and 5-mqtt",
        caught=frozenset({"test_requests_are_answered_with_code_and_string[5]"}),
    ),
    "swallows-reason-codes": Fault(
        source="""\
class Optimist(TemplateConnection):
    def _answered_by_server(self, packet_id, code, properties):
        super()._answered_by_server(packet_id, 0 if code >= 0x80 else code, properties)


class Broken(BrokenBackend):
    connection = Optimist
""",
        run="table_says and (puback or connack-0x87)",
        caught=frozenset(
            f"test_a_failure_is_told_as_the_table_says[puback-0x{code}-5]"
            for code in ("80", "83", "87", "90", "91", "97", "99")
        ),
    ),
    "tells-every-failure-as-the-same-one": Fault(
        source="""\
class Broken(BrokenBackend):
    async def connect(self, request):
        try:
            return await super().connect(request)
        except Exception as error:
            raise ClosedBeforeConnack() from error
""",
        run="table_says and (port-closed or connack-0x87 or closed-before-connack-5)",
        caught=frozenset(
            f"test_a_failure_is_told_as_the_table_says[{name}]"
            for name in ("port-closed-3.1.1", "port-closed-5", "connack-0x87-5")
        ),
    ),
    "overruns-its-deadline": Fault(
        source="""\
class Broken(BrokenBackend):
    async def connect(self, request):
        try:
            return await super().connect(request)
        except TimeoutError:
            await asyncio.sleep(60)
            raise
""",
        run="table_says and (connack-lost or port-closed)",
        caught=frozenset({"test_a_failure_is_told_as_the_table_says[connack-lost]"}),
    ),
    "declares-what-it-cannot-do": Fault(
        source="""\
class Broken(BrokenBackend):
    features = TemplateBackend.features | {Feature.SDK_METRICS}
""",
        run="a_feature_works",
        caught=frozenset({"test_a_feature_works_or_is_refused_before_anything_is_dialled[sdk-metrics]"}),
    ),
    "has-no-back-pressure": Fault(
        source="""\
class Greedy(TemplateConnection):
    def _pause_reading(self):
        pass


class Broken(BrokenBackend):
    connection = Greedy
""",
        run="5-mqtt and (nothing_is_read or slow_reader)",
        caught=frozenset({"test_nothing_is_read_while_a_buffer_is_full[5-mqtt]"}),
    ),
    "forgets-its-keep-alive-while-paused": Fault(
        source="""\
class Sleepy(TemplateConnection):
    def _pause_reading(self):
        self._stop_pings()
        super()._pause_reading()


class Broken(BrokenBackend):
    connection = Sleepy
""",
        run="keep_alive_goes_on and 5 or aclose_says_goodbye and 5-mqtt",
        caught=frozenset({"test_keep_alive_goes_on_while_a_buffer_is_full[5]"}),
    ),
    "leaks-a-task": Fault(
        source="""\
class Broken(BrokenBackend):
    async def connect(self, request):
        asyncio.ensure_future(asyncio.Event().wait())
        return await super().connect(request)
""",
        run="fifty_connections and 5-mqtt or loading_the_plug_in",
        caught=frozenset({"test_fifty_connections_leave_no_task_thread_socket_or_file[5-mqtt]"}),
    ),
    "leaks-a-file": Fault(
        source="""\
import os


class Broken(BrokenBackend):
    async def connect(self, request):
        os.dup(0)
        return await super().connect(request)
""",
        run="fifty_connections and 5-mqtt or aclose_says_goodbye and 5-mqtt",
        caught=frozenset({"test_fifty_connections_leave_no_task_thread_socket_or_file[5-mqtt]"}),
    ),
    "leaves-a-cancelled-attempt-open": Fault(
        source="""\
from customauth_template import _attempt


class Stubborn(TemplateConnection):
    def abort(self):
        pass


class Broken(BrokenBackend):
    connection = Stubborn
""",
        run="cancelled_at_any_stage and 5-mqtt or request_cancelled and 5",
        caught=frozenset({"test_an_attempt_cancelled_at_any_stage_leaves_nothing[5-mqtt]"}),
    ),
    "reconnects": Fault(
        source="""\
class Broken(BrokenBackend):
    async def connect(self, request):
        connection = await super().connect(request)

        async def again():
            ending = await connection.wait_closed()
            if ending.by_server:
                await (await TemplateBackend.connect(self, request)).aclose()

        self.task = asyncio.ensure_future(again())
        return connection
""",
        run="nothing_reconnects or aclose_says_goodbye and 5-mqtt",
        caught=frozenset({"test_nothing_reconnects"}),
    ),
    "hides-how-the-connection-ended": Fault(
        source="""\
class Secretive(TemplateConnection):
    def _ended(self, ending):
        super()._ended(Disconnected() if ending.by_server else ending)


class Broken(BrokenBackend):
    connection = Secretive
""",
        run="table_says and (disconnect-0x8E or pingresp-lost) or right_behind_the_connack",
        caught=frozenset(
            {
                "test_a_failure_is_told_as_the_table_says[disconnect-0x8E-5]",
                "test_a_disconnect_right_behind_the_connack_is_how_the_connection_ended[5]",
            }
        ),
    ),
    "imports-its-library-at-load": Fault(
        source="""\
import hypothesis


class Broken(BrokenBackend):
    library = "hypothesis"
""",
        run="loading_the_plug_in or it_has_a_name",
        caught=frozenset({"test_loading_the_plug_in_imports_no_mqtt_library"}),
    ),
}


def _run(folder: Path, source: str, suite: str, selected: str) -> tuple[str, set[str]]:
    (folder / "broken.py").write_text(_HEAD + source)
    (folder / "test_broken.py").write_text(suite)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k", selected, "test_broken.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(_TEMPLATE)])},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    return run.stdout, set(re.findall(r"^FAILED \S+::TestBroken::(\S+)", run.stdout, re.MULTILINE))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_broken_backend_is_caught_by_the_test_that_is_there_for_it(fault: Fault, tmp_path: Path) -> None:
    said, failed = _run(tmp_path, fault.source, _SUITE, fault.run)
    assert failed == fault.caught, said
    # The others show that it is this fault which was found, and not that nothing works.
    assert re.search(r"\d+ passed", said) or len(fault.caught) > 1, said


_DEVIANT = (
    _SUITE
    + """
    deviations = {"puback-0x87": "it tells no refusal", "port-closed": "nothing is wrong with it"}
"""
)


def test_a_declared_deviation_is_expected_and_must_be_one(tmp_path: Path) -> None:
    selected = "table_says and (puback-0x87 or puback-0x80 or port-closed)"
    said, failed = _run(tmp_path, FAULTS["swallows-reason-codes"].source, _DEVIANT, selected)
    rows = {re.sub(r".*\[(.*)\]", r"\1", name) for name in failed}
    # The declared one is excused, its neighbour is not, and what is no deviation must not be declared.
    assert rows == {"puback-0x80-5", "port-closed-3.1.1", "port-closed-5"}, said
    assert "1 xfailed" in said


def test_the_backend_must_be_given(tmp_path: Path) -> None:
    suite = "from customauth.testing.conformance import BackendConformance\nclass TestMine(BackendConformance): pass\n"
    said, _ = _run(tmp_path, "", suite, "it_has_a_name")
    assert "override the fixture `backend`" in said
