"""What holds of every verdict, whatever the checks have found."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from customauth.doctor.finding import Certainty, Check, Finding, Outcome, Stage
from customauth.doctor.probe.result import Attempt, Ending, MendTried, ProbeResult, Reached
from customauth.doctor.setup import Setup
from customauth.doctor.symptoms import REFUSAL
from customauth.doctor.verdict import Judgement, judge
from customauth.endpoint import Endpoint
from customauth.mqtt.protocol import MqttVersion
from customauth.rules import RULES, Phase

SETUP = Setup(endpoint=Endpoint(host="iot.example.com"))

findings = st.builds(
    Finding,
    rule=st.sampled_from(sorted(RULES)),
    certainty=st.sampled_from(Certainty),
    evidence=st.sampled_from(["one thing", "another"]),
    facts=st.dictionaries(st.sampled_from(["authorizer", "region", "topic"]), st.sampled_from(["a", "b"])),
)
checks = st.builds(
    Check,
    stage=st.sampled_from(Stage),
    name=st.sampled_from(["something", "authorizer", "signature", "test-invoke-authorizer"]),
    outcome=st.sampled_from(Outcome),
    detail=st.just("seen"),
    findings=st.lists(findings, max_size=3).map(tuple),
)
attempts = st.builds(
    Attempt,
    version=st.sampled_from(MqttVersion),
    ending=st.sampled_from(Ending),
    reason_code=st.none() | st.sampled_from([0, 1, 4, 5, 0x85, 0x87, 0x97]),
)
mends = st.builds(
    MendTried,
    rules=st.lists(st.sampled_from(sorted(RULES)), min_size=1, max_size=2, unique=True).map(tuple),
    how=st.just("something mended"),
    accepted=st.none() | st.booleans(),
)
probes = st.none() | st.builds(
    ProbeResult,
    version=st.sampled_from(MqttVersion),
    reached=st.sampled_from(Reached),
    attempts=st.lists(attempts, max_size=3),
    mends=st.lists(mends, max_size=3),
)
accepting = st.sampled_from(MqttVersion).map(
    lambda version: ProbeResult(
        version=version,
        reached=Reached.CONNECTED,
        attempts=[Attempt(version=version, ending=Ending.ACCEPTED, reason_code=0)],
    )
)
setups = st.builds(
    Setup,
    clean_start=st.booleans(),
    client_id=st.text(max_size=3),
    broken=st.none() | st.just("half a signature"),
    endpoint=st.none() | st.just(SETUP.endpoint),
)


@given(setups, st.lists(checks, max_size=6), probes)
def test_a_verdict_is_always_reached_and_always_the_same(
    setup: Setup, made: list[Check], probe: ProbeResult | None
) -> None:
    verdict = judge(setup, made, probe)
    assert verdict == judge(setup, made, probe)
    assert bool(verdict.causes) or verdict.judgement is not Judgement.CAUSE_FOUND
    assert not verdict.causes or verdict.judgement is not Judgement.HEALTHY
    keys = [cause.key for cause in verdict.causes]
    assert len(keys) == len(set(keys))
    assert REFUSAL not in keys
    assert all(cause.rule.stops for cause in verdict.causes)


@given(setups, st.lists(checks, max_size=6), probes, st.randoms(use_true_random=False))
def test_the_order_of_the_checks_does_not_matter(
    setup: Setup, made: list[Check], probe: ProbeResult | None, chance: random.Random
) -> None:
    shuffled = list(made)
    chance.shuffle(shuffled)
    assert judge(setup, shuffled, probe) == judge(setup, made, probe)


@given(
    st.lists(checks, max_size=5),
    probes,
    st.sampled_from(sorted(RULES)),
    st.sampled_from(Stage),
    st.sampled_from(Outcome),
)
def test_a_further_possibility_never_takes_the_place_of_a_certain_cause(
    made: list[Check], probe: ProbeResult | None, rule: str, stage: Stage, outcome: Outcome
) -> None:
    before = judge(SETUP, made, probe).cause
    if before is None or before.certainty is not Certainty.CERTAIN:
        return
    more = Finding(rule=rule, certainty=Certainty.POSSIBLE, evidence="a guess")
    # Whether the attempt failed stays as it was: only the finding is new.
    stopped = outcome if stage is not Stage.PROBE else Outcome.WARNED
    after = judge(SETUP, [*made, Check(stage=stage, name="guess", outcome=stopped, detail="", findings=(more,))], probe)
    assert after.cause is not None
    assert (after.cause.key, after.cause.certainty) == (before.key, Certainty.CERTAIN)


@given(st.lists(checks, max_size=6), accepting)
def test_an_accepted_connect_leaves_no_cause_before_it(made: list[Check], probe: ProbeResult) -> None:
    verdict = judge(SETUP, made, probe)
    assert {cause.rule.phase for cause in verdict.causes} <= {Phase.CONNECTED}
    assert verdict.judgement is not Judgement.CANNOT_TELL


@given(st.lists(checks, max_size=6), probes)
def test_what_is_named_first_is_at_least_likely(made: list[Check], probe: ProbeResult | None) -> None:
    cause = judge(SETUP, made, probe).cause
    assert cause is None or cause.certainty >= Certainty.LIKELY


@given(st.lists(checks, max_size=6), probes)
def test_no_cause_of_a_refusal_is_named_that_no_check_was_more_than_unsure_of(
    made: list[Check], probe: ProbeResult | None
) -> None:
    cause = judge(SETUP, made, probe).cause
    surer = {each.rule for check in made for each in check.findings if each.certainty >= Certainty.LIKELY}
    assert cause is None or cause.key in surer
