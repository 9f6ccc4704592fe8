"""The verdict on findings that are made by hand: which one is named first, and when none is."""

from __future__ import annotations

import pytest

from customauth.doctor.finding import Certainty, Check, Finding, Outcome, Stage
from customauth.doctor.probe.result import Attempt, Ending, MendTried, ProbeResult, Reached
from customauth.doctor.setup import Parts, Setup
from customauth.doctor.symptoms import EXPLAINED_BY
from customauth.doctor.verdict import Judgement, Verdict, judge
from customauth.endpoint import Endpoint
from customauth.mqtt.protocol import MqttVersion
from customauth.rules import RULES
from findings import accepted, asked, certain, check, closed, likely, lint, possible, refused, seen, stopped_at

SETUP = Setup(endpoint=Endpoint(host="iot.example.com"))


def _first(verdict: Verdict) -> str | None:
    assert (verdict.cause is None) == (verdict.judgement is not Judgement.CAUSE_FOUND)
    return None if verdict.cause is None else verdict.cause.key


def _keys(verdict: Verdict) -> list[str]:
    return [cause.key for cause in verdict.causes]


def test_nothing_found_is_healthy() -> None:
    assert judge(SETUP, [lint(), seen()], accepted()) == Verdict(judgement=Judgement.HEALTHY, failed=False)


def test_nothing_found_without_a_probe_is_healthy_and_nobody_knows_whether_it_fails() -> None:
    assert judge(SETUP, [lint()]) == Verdict(judgement=Judgement.HEALTHY, failed=None)


def test_a_certain_cause_goes_before_a_likely_one_of_an_earlier_phase() -> None:
    verdict = judge(SETUP, [lint(likely("double-question-mark"), certain("will-qos2"), certain("token-newline"))])
    assert _keys(verdict) == ["will-qos2", "token-newline", "double-question-mark"]


def test_of_two_certain_causes_the_earlier_goes_first_and_both_are_told() -> None:
    checks = [lint(certain("signature-base64url")), seen(certain("tls-untrusted"))]
    assert _keys(judge(SETUP, checks, stopped_at(Reached.TCP))) == ["tls-untrusted", "signature-base64url"]


def test_where_the_probe_was_stopped_goes_first_though_it_is_only_likely() -> None:
    checks = [lint(certain("signature-base64url")), seen(likely("tcp-unreachable"))]
    assert _keys(judge(SETUP, checks, stopped_at(Reached.NAME))) == ["tcp-unreachable", "signature-base64url"]


@pytest.mark.fact("F1")
def test_a_refusal_alone_tells_nothing() -> None:
    verdict = judge(SETUP, [lint(), seen(possible("not-authorized"))], refused())
    assert (verdict.judgement, verdict.causes, verdict.failed) == (Judgement.CANNOT_TELL, (), True)
    assert verdict.refusal == ("not-authorized was seen",)


@pytest.mark.fact("F3")
def test_a_connection_closed_without_a_word_tells_nothing() -> None:
    assert judge(SETUP, [seen(possible("not-authorized"))], closed()).judgement is Judgement.CANNOT_TELL


def test_a_refusal_with_a_code_nobody_explains_cannot_be_told() -> None:
    assert judge(SETUP, [seen()], refused(0x80)).judgement is Judgement.CANNOT_TELL


def test_a_refusal_is_the_symptom_of_what_lint_found() -> None:
    verdict = judge(SETUP, [lint(certain("token-newline")), seen(possible("not-authorized"))], refused())
    assert _keys(verdict) == ["token-newline"]
    assert verdict.causes[0].evidence == ("token-newline was seen", "not-authorized was seen")
    assert verdict.refusal == ()


@pytest.mark.parametrize(
    "rule", ["password-encoding", "signature-unencoded", "authorizer-not-named", "double-question-mark"]
)
@pytest.mark.parametrize("symptom", [possible("not-authorized"), likely("no-connack"), likely("upgrade-forbidden")])
def test_a_lone_possibility_is_a_suspect_and_never_the_cause_of_a_refusal(rule: str, symptom: Finding) -> None:
    verdict = judge(SETUP, [lint(possible(rule)), seen(symptom)], refused())
    assert _first(verdict) in (None, symptom.rule)
    assert (_keys(verdict)[-1], verdict.causes[-1].certainty) == (rule, Certainty.POSSIBLE)
    assert verdict.refusal == (("not-authorized was seen",) if symptom.rule == "not-authorized" else ())


def _with_mends(*tried: MendTried) -> ProbeResult:
    probed = refused()
    probed.mends += tried
    return probed


def _tried(*rules: str, accepted: bool | None) -> MendTried:
    return MendTried(rules=rules, how=f"{' and '.join(rules)} mended", accepted=accepted)


def test_what_the_server_accepts_once_it_is_mended_is_the_cause_and_nothing_else_is() -> None:
    checks = [
        lint(possible("password-encoding"), possible("authorizer-not-named"), likely("jwt-expired")),
        seen(possible("not-authorized")),
        seen(certain("password-encoding")),
        asked(certain("policy-client-id")),
    ]
    verdict = judge(SETUP, checks, _with_mends(_tried("password-encoding", accepted=True)))
    assert [(cause.key, cause.certainty) for cause in verdict.causes] == [("password-encoding", Certainty.CERTAIN)]
    assert "not-authorized was seen" in verdict.causes[0].evidence
    assert {remark.suspect.key for remark in verdict.remarks} == {
        "authorizer-not-named",
        "jwt-expired",
        "policy-client-id",
    }
    assert all("password-encoding mended" in remark.why_not for remark in verdict.remarks)


def test_what_comes_of_a_proved_cause_speaks_for_it() -> None:
    checks = [seen(certain("signature-unencoded")), asked(certain("signature-mismatch"))]
    verdict = judge(SETUP, checks, _with_mends(_tried("signature-unencoded", accepted=True)))
    assert _keys(verdict) == ["signature-unencoded"]
    assert "signature-mismatch was seen" in verdict.causes[0].evidence


def test_a_possibility_that_was_mended_in_vain_is_ruled_out_and_a_likely_cause_is_only_possible() -> None:
    probed = _with_mends(_tried("signature-unencoded", accepted=False), _tried("token-unencoded", accepted=False))
    found = lint(possible("signature-unencoded"), likely("token-unencoded"), possible("password-encoding"))
    verdict = judge(SETUP, [found, seen(possible("not-authorized"))], probed)
    assert verdict.judgement is Judgement.CANNOT_TELL
    assert [(cause.key, cause.certainty) for cause in verdict.causes] == [
        ("token-unencoded", Certainty.POSSIBLE),
        ("password-encoding", Certainty.POSSIBLE),
    ]
    (remark,) = verdict.remarks
    assert "refuses it all the same" in remark.why_not


def test_what_was_mended_in_vain_alone_is_a_cause_where_it_was_proved_together_with_another() -> None:
    rules = ("signature-unencoded", "password-encoding")
    probed = _with_mends(*(_tried(rule, accepted=False) for rule in rules), _tried(*rules, accepted=True))
    found = [lint(*map(possible, rules)), seen(*map(certain, rules)), seen(possible("not-authorized"))]
    assert _keys(judge(SETUP, found, probed)) == list(rules)


@pytest.mark.parametrize(
    "tried",
    [
        _tried("password-encoding", accepted=None),
        _tried("password-encoding", "signature-unencoded", accepted=False),
    ],
    ids=["not judged", "not alone"],
)
def test_a_mend_that_tells_nothing_rules_nothing_out(tried: MendTried) -> None:
    verdict = judge(SETUP, [lint(possible("password-encoding"))], _with_mends(tried))
    assert _keys(verdict) == ["password-encoding"]


def test_what_aws_is_certain_of_stays_though_it_was_mended_in_vain() -> None:
    probed = _with_mends(_tried("password-encoding", accepted=False))
    verdict = judge(SETUP, [lint(possible("password-encoding")), asked(certain("password-encoding"))], probed)
    assert (_first(verdict), verdict.causes[0].certainty) == ("password-encoding", Certainty.CERTAIN)


def test_one_of_two_possibilities_is_not_picked() -> None:
    checks = [lint(possible("password-encoding"), possible("authorizer-not-named")), seen(possible("not-authorized"))]
    verdict = judge(SETUP, checks, refused())
    assert verdict.judgement is Judgement.CANNOT_TELL
    assert _keys(verdict) == ["authorizer-not-named", "password-encoding"]


def test_a_possibility_that_does_not_explain_the_refusal_is_not_picked() -> None:
    checks = [lint(possible("websocket-path")), seen(possible("not-authorized"))]
    assert judge(SETUP, checks, refused()).judgement is Judgement.CANNOT_TELL


def test_a_possibility_does_not_take_the_place_of_a_bare_symptom_that_is_certain() -> None:
    checks = [lint(possible("alpn-missing")), seen(certain("tls-failed"))]
    assert _keys(judge(SETUP, checks, stopped_at(Reached.TCP))) == ["tls-failed", "alpn-missing"]


def test_a_possibility_is_a_remark_when_nothing_fails() -> None:
    verdict = judge(SETUP, [lint(possible("password-encoding"))])
    assert verdict.judgement is Judgement.HEALTHY
    assert [(remark.suspect.key, remark.why_not) for remark in verdict.remarks] == [
        ("password-encoding", "nothing shows that it fails")
    ]


@pytest.mark.parametrize("probed", [accepted(), accepted(MqttVersion.V311)])
def test_an_accepted_connect_clears_whatever_lint_was_certain_of(probed: ProbeResult) -> None:
    verdict = judge(SETUP, [lint(certain("will-qos2"), certain("signature-base64url"))], probed)
    assert verdict.judgement is Judgement.HEALTHY
    assert {remark.suspect.key for remark in verdict.remarks} == {"will-qos2", "signature-base64url"}
    assert all("accepts this CONNECT" in remark.why_not for remark in verdict.remarks)


def test_a_denied_subscription_is_a_cause_though_the_connect_was_accepted() -> None:
    assert _first(judge(SETUP, [seen(certain("policy-subscribe"))], accepted())) == "policy-subscribe"


def test_a_policy_that_denies_a_subscription_does_not_explain_a_refused_login() -> None:
    checks = [asked(certain("policy-subscribe")), seen(possible("not-authorized"))]
    verdict = judge(SETUP, checks, refused())
    assert verdict.judgement is Judgement.CANNOT_TELL
    assert _keys(verdict) == ["policy-subscribe"]


def test_a_policy_that_denies_a_subscription_comes_after_the_cause_of_the_refusal() -> None:
    checks = [asked(certain("policy-subscribe"), likely("policy-client-id")), seen(possible("not-authorized"))]
    assert _keys(judge(SETUP, checks, refused())) == ["policy-client-id", "policy-subscribe"]


def test_credentials_that_another_version_gets_in_with_are_not_the_cause() -> None:
    attempts = [
        Attempt(version=MqttVersion.V5, ending=Ending.ACCEPTED, reason_code=0),
        Attempt(version=MqttVersion.V311, ending=Ending.REFUSED, reason_code=1),
    ]
    probed = ProbeResult(version=MqttVersion.V311, reached=Reached.UPGRADE, attempts=attempts)
    verdict = judge(SETUP, [lint(certain("token-newline")), seen(certain("protocol-version"))], probed)
    assert _keys(verdict) == ["protocol-version"]


@pytest.mark.fact("D18", "E37")
def test_a_kept_session_that_the_policy_denies_is_the_cause_though_another_version_gets_in() -> None:
    attempts = [
        Attempt(version=MqttVersion.V311, ending=Ending.CLOSED),
        Attempt(version=MqttVersion.V5, ending=Ending.ACCEPTED, reason_code=0),
    ]
    probed = ProbeResult(version=MqttVersion.V311, reached=Reached.UPGRADE, attempts=attempts)
    checks = [seen(possible("not-authorized")), asked(certain("policy-denies-connect"))]
    verdict = judge(SETUP, checks, probed)
    assert _keys(verdict) == ["policy-denies-connect"]
    assert "not-authorized was seen" in verdict.causes[0].evidence
    assert judge(SETUP, [lint(possible("policy-client-id"))], probed).judgement is Judgement.CANNOT_TELL


def test_the_handshake_clears_a_guess_about_it_but_not_what_is_certain() -> None:
    checks = [lint(likely("websocket-path"), certain("username-too-long")), seen(possible("not-authorized"))]
    verdict = judge(SETUP, checks, refused())
    assert _keys(verdict) == ["username-too-long"]
    assert [remark.suspect.key for remark in verdict.remarks] == ["websocket-path"]


def test_a_wrong_alpn_is_not_cleared_by_a_handshake_after_which_nobody_answered() -> None:
    checks = [lint(likely("alpn-missing")), seen(likely("no-connack"))]
    assert _keys(judge(SETUP, checks, closed())) == ["alpn-missing"]
    judged = [lint(likely("alpn-missing")), seen(possible("not-authorized"))]
    assert judge(SETUP, judged, refused()).judgement is Judgement.CANNOT_TELL


def test_aws_word_that_the_credentials_are_good_clears_signature_to_answer() -> None:
    invoked = check(Stage.AWS, name="test-invoke-authorizer")
    suspects = lint(certain("signature-mismatch"), possible("password-encoding"), possible("authorizer-not-named"))
    verdict = judge(SETUP, [suspects, seen(possible("not-authorized")), invoked], refused())
    assert _keys(verdict) == ["authorizer-not-named"]
    assert {remark.suspect.key for remark in verdict.remarks} == {"signature-mismatch", "password-encoding"}


def test_aws_word_does_not_clear_what_aws_itself_is_certain_of() -> None:
    invoked = check(Stage.AWS, name="test-invoke-authorizer")
    checks = [asked(certain("function-not-permitted")), invoked, seen(possible("not-authorized"))]
    assert _first(judge(SETUP, checks, refused())) == "function-not-permitted"


def test_a_test_invocation_that_was_skipped_clears_nothing() -> None:
    skipped = check(Stage.AWS, name="test-invoke-authorizer", outcome=Outcome.SKIPPED)
    assert _first(judge(SETUP, [lint(certain("signature-mismatch")), skipped], refused())) == "signature-mismatch"


def test_the_special_cause_goes_before_the_mismatch_that_comes_of_it() -> None:
    verdict = judge(SETUP, [asked(certain("signature-mismatch")), lint(likely("token-unencoded"))], refused())
    assert _keys(verdict) == ["token-unencoded"]
    assert "signature-mismatch was seen" in verdict.causes[0].evidence


def test_a_possibility_does_not_explain_away_what_is_certain() -> None:
    verdict = judge(SETUP, [asked(certain("function-denies")), lint(possible("password-encoding"))], refused())
    assert _keys(verdict) == ["function-denies", "password-encoding"]


def test_a_token_that_has_expired_explains_a_no_only_where_it_is_as_certain() -> None:
    denied = asked(certain("function-denies"))
    assert _keys(judge(SETUP, [denied, lint(certain("jwt-expired"))], refused())) == ["jwt-expired"]
    assert _keys(judge(SETUP, [denied, lint(likely("jwt-expired"))], refused())) == ["function-denies", "jwt-expired"]


def test_an_authorizer_that_aws_has_clears_a_guess_at_its_name_but_not_a_name_that_is_not_read() -> None:
    there = check(Stage.AWS, name="authorizer")
    guess = [lint(possible("authorizer-not-named")), there, seen(possible("not-authorized"))]
    assert judge(SETUP, guess, refused()).judgement is Judgement.CANNOT_TELL
    assert _first(judge(SETUP, [lint(certain("double-question-mark")), there], refused())) == "double-question-mark"


def test_what_only_warns_is_a_remark() -> None:
    verdict = judge(SETUP, [lint(certain("keep-alive-out-of-range"))], refused())
    assert verdict.judgement is Judgement.CANNOT_TELL
    assert [remark.suspect.key for remark in verdict.remarks] == ["keep-alive-out-of-range"]


def test_one_cause_from_several_stages_is_told_once_with_all_that_is_known() -> None:
    checks = [
        lint(possible("authorizer-inactive", region="eu-west-1", authorizer="of lint")),
        asked(certain("authorizer-inactive", authorizer="of AWS")),
    ]
    verdict = judge(SETUP, checks)
    assert len(verdict.causes) == 1
    cause = verdict.causes[0]
    assert (cause.certainty, cause.stage, cause.stages) == (
        Certainty.CERTAIN,
        Stage.AWS,
        frozenset({Stage.LINT, Stage.AWS}),
    )
    assert (cause.facts["authorizer"], cause.facts["region"]) == ("of AWS", "eu-west-1")


def test_what_the_set_up_knows_fills_the_cure() -> None:
    setup = Setup(endpoint=SETUP.endpoint, parts=Parts(authorizer="pumps"), client_id="pump-7")
    cause = judge(setup, [asked(certain("authorizer-inactive"))]).causes[0]
    assert "pumps" in cause.fix
    assert "AUTHORIZER" not in cause.fix


def test_a_fact_on_which_findings_differ_is_not_lent_to_another() -> None:
    checks = [asked(certain("function-slow", region="a"), certain("function-error", region="b"))]
    assert "region" not in judge(SETUP, [*checks, lint(certain("token-newline"))]).causes[0].facts


def test_credentials_that_cannot_be_sent_and_have_no_cause_cannot_be_told() -> None:
    assert judge(Setup(broken="half a signature"), [lint()]).judgement is Judgement.CANNOT_TELL
    assert judge(Setup(broken="half a signature"), [lint()], accepted()).judgement is Judgement.HEALTHY


def test_the_only_possibility_becomes_likely_when_the_credentials_cannot_be_sent() -> None:
    broken = Setup(broken="a second question mark")
    assert _first(judge(broken, [lint(possible("double-question-mark"))])) == "double-question-mark"
    several = lint(possible("double-question-mark"), possible("password-encoding"))
    assert judge(broken, [several]).judgement is Judgement.CANNOT_TELL
    assert judge(broken, [lint(possible("password-encoding"))]).judgement is Judgement.CANNOT_TELL


def test_a_probe_that_did_nothing_says_nothing() -> None:
    skipped = check(Stage.PROBE, outcome=Outcome.SKIPPED)
    assert judge(SETUP, [skipped], ProbeResult()).failed is None


def test_a_probe_that_stopped_before_the_connect_has_failed() -> None:
    stopped = Check(stage=Stage.PROBE, name="DNS", outcome=Outcome.STOPPED, detail="")
    assert judge(SETUP, [stopped], ProbeResult()).judgement is Judgement.CANNOT_TELL


def test_the_verdict_is_fit_for_json() -> None:
    document = judge(SETUP, [lint(certain("will-qos2"), certain("keep-alive-out-of-range"))]).as_json()
    assert document["outcome"] == "cause found"
    assert document["causes"][0] | {"fix": "", "cause": "", "sources": []} == {
        "rule": "will-qos2",
        "phase": "packet",
        "certainty": "certain",
        "stages": ["lint"],
        "cause": "",
        "evidence": ["will-qos2 was seen"],
        "fix": "",
        "settings": {},
        "sources": [],
    }
    assert document["remarks"][0]["why_not_the_cause"] is None


def test_every_symptom_and_every_explanation_is_a_rule_that_stops() -> None:
    named = set(EXPLAINED_BY) | {cause for causes in EXPLAINED_BY.values() for cause in causes}
    assert named - set(RULES) == set()
    assert {key for key in named if not RULES[key].stops} == set()


def test_no_explanation_goes_in_a_circle() -> None:
    def beneath(symptom: str, path: tuple[str, ...]) -> None:
        assert symptom not in path, (*path, symptom)
        for cause in EXPLAINED_BY.get(symptom, ()):
            beneath(cause, (*path, symptom))

    for symptom in EXPLAINED_BY:
        beneath(symptom, ())
