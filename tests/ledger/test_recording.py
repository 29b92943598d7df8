"""What people decide is judged, refused with a reason, or takes effect when all have agreed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from orchestration.governance.feasibility import Forecast
from orchestration.ledger.desk import Answer, Submission
from orchestration.ledger.facts import Place, RatingCycle
from orchestration.ledger.projection import rectangles
from orchestration.registry.model import CapacityBound, GoalPolicy

from .world import LOGIC, LONG_AGO, OPEN, OTHER_LOGIC, PAID, SNAPSHOT, UNPAID, Office, facts

if TYPE_CHECKING:
    from pathlib import Path

LINE_TARGET: dict[str, Any] = {
    "kpi_id": UNPAID,
    "org_unit_id": "L-A1",
    "period": "2026",
    "threshold": "0.030",
    "target": "0.020",
    "stretch": "0.010",
    "reason": "History of the last three years.",
}
CHANGE: dict[str, Any] = {
    **{name: value for name, value in LINE_TARGET.items() if name != "reason"},
    "target": "0.025",
    "trigger": "external_event",
    "justification": "The supplier of coils went out of business in May.",
    "impact": "The card of the line alone.",
}
OVERRIDE: dict[str, Any] = {
    "kpi_id": UNPAID,
    "entity_kind": "site",
    "entity_id": "A",
    "period": "2026-03",
    "old_value": "0.0276",
    "new_value": "0.021",
    "reason": "The scale of line 1 was wrong for two days.",
    "evidence": ["Calibration record 17"],
    "expires_on": "2026-06-30",
}


@pytest.fixture
def office(tmp_path: Path, url: str) -> Office:
    return Office(tmp_path, url=url).appoint_all()


def truths(office: Office, register: str) -> list[dict[str, Any]]:
    """Return the fields in force now, of all subjects of a register."""
    return [
        dict(one.fields)
        for one in rectangles(office.ledger.entries(), office.rulebook.types.ending())
        if one.register == register and one.recorded_to is None
    ]


def last(office: Office) -> dict[str, Any]:
    """Return the payload of the newest entry."""
    entry = office.ledger.entry(office.ledger.head().seq)
    assert entry is not None
    assert entry.payload is not None
    return dict(entry.payload)


def refused(office: Office, answer: Answer) -> str:
    """Return the sentence of a refusal, after making sure that the ledger has it too."""
    assert answer.outcome == "refused", answer.sentence
    assert last(office)["outcome"] == "refused"
    assert last(office)["refusal"] == answer.sentence
    return answer.sentence


# Proposals and consents -----------------------------------------------------------------------


def test_a_target_holds_only_once_somebody_above_has_agreed(office: Office) -> None:
    proposed = office.act("target.propose", "E3", **LINE_TARGET)
    assert proposed.outcome == "pending"
    assert truths(office, "target") == []

    agreed = office.act("decision.approve", "E2", proposed.seq)

    assert agreed.outcome == "recorded"
    assert last(office)["completes"] == proposed.seq
    assert truths(office, "target") == [LINE_TARGET]


def test_an_entry_names_the_right_and_the_unit_it_was_done_under(office: Office) -> None:
    proposed = office.act("target.propose", "E3", **LINE_TARGET)
    assert last(office)["right"] == {
        "right": "propose_target",
        "role": "unit_leader",
        "org_unit_id": "L-A1",
    }
    office.act("decision.approve", "E1", proposed.seq)
    assert last(office)["right"] == {
        "right": "approve_target",
        "role": "unit_leader",
        "org_unit_id": "ENT",
    }


def test_a_counter_proposal_takes_the_place_of_the_proposal_and_needs_its_author(
    office: Office,
) -> None:
    proposed = office.act("target.propose", "E3", **LINE_TARGET)
    countered = office.act(
        "target.counter",
        "E2",
        proposed.seq,
        threshold="0.030",
        target="0.015",
        stretch="0.010",
        reason="The best month shows that more is possible.",
    )
    assert countered.sentence == f"Act {countered.seq} is pending until E3 agrees."

    gone = refused(office, office.act("decision.approve", "E2", proposed.seq))
    assert gone == (
        f"Act {proposed.seq} does not wait for consent: act {countered.seq} took its place."
    )

    office.act("decision.approve", "E3", countered.seq)
    [target] = truths(office, "target")
    assert (target["target"], target["kpi_id"], target["period"]) == ("0.015", UNPAID, "2026")


def test_a_change_in_mid_cycle_leaves_the_days_before_it_as_they_were(office: Office) -> None:
    proposed = office.act("target.propose", "E3", **LINE_TARGET)
    office.act("decision.approve", "E2", proposed.seq)
    office.on("2026-05-20")
    changed = office.act("target.change", "E3", **CHANGE, valid_from="2026-06-01")
    office.act("decision.approve", "E2", changed.seq)

    held = [
        (one.valid_from, one.valid_to, one.fields["target"])
        for one in rectangles(office.ledger.entries(), office.rulebook.types.ending())
        if one.register == "target" and one.recorded_to is None
    ]

    assert held == [
        (dt.date(2026, 3, 1), dt.date(2026, 5, 31), "0.020"),
        (dt.date(2026, 6, 1), dt.date.max, "0.025"),
    ]


def test_a_rebaseline_needs_the_approver_and_two_of_the_board(office: Office) -> None:
    proposed = office.act("target.propose", "E3", **LINE_TARGET)
    office.act("decision.approve", "E2", proposed.seq)
    asked = {name: CHANGE[name] for name in CHANGE if name not in {"trigger", "justification"}}
    rebased = office.act(
        "target.rebaseline",
        "E3",
        **asked,
        broken_assumption="The plan assumed the old alloy, which is not made any more.",
        evidence=["Letter of the mill"],
    )
    for person in ("E2", "B1"):
        office.act("decision.approve", person, rebased.seq)
        assert truths(office, "target")[0]["target"] == "0.020"
    office.act("decision.approve", "B3", rebased.seq)
    assert truths(office, "target")[0]["target"] == "0.025"


def test_a_rejected_and_a_withdrawn_act_never_take_effect(office: Office) -> None:
    one = office.act("target.propose", "E3", **LINE_TARGET)
    office.act("decision.reject", "E2", one.seq, comment="Too easy.")
    late = refused(office, office.act("decision.approve", "E1", one.seq))
    assert late.endswith(f"it was rejected by act {office.ledger.head().seq - 1}.")

    two = office.act("target.propose", "E3", **LINE_TARGET)
    not_own = refused(office, office.act("decision.withdraw", "E2", two.seq))
    assert "only they can withdraw it" in not_own
    office.act("decision.withdraw", "E3", two.seq)
    assert "withdrawn" in refused(office, office.act("decision.approve", "E1", two.seq))
    assert truths(office, "target") == []


# The refusals that the people who use it will meet ----------------------------------------------


def test_an_unknown_type_is_refused_and_recorded(office: Office) -> None:
    answer = office.act("target.improve", "E3", kpi_id=UNPAID)
    assert refused(office, answer) == (
        "There is no act 'target.improve': `steelyard act --list` shows them all."
    )
    assert last(office)["fields"] == {"kpi_id": UNPAID}


def test_a_missing_reason_is_named_with_its_question(office: Office) -> None:
    answer = office.act("target.propose", "E3", **LINE_TARGET | {"reason": " "})
    assert refused(office, answer) == (
        "target.propose lacks reason: give it. On what is it based (history, capacity, benchmark)?"
    )


def test_a_reason_of_one_word_is_none(office: Office) -> None:
    answer = office.act("target.propose", "E3", **LINE_TARGET | {"reason": "history"})
    assert "write at least 10 characters" in refused(office, answer)


def test_nobody_agrees_to_their_own_act(office: Office) -> None:
    proposed = office.act("target.propose", "E1", **LINE_TARGET | {"org_unit_id": "S-A"})
    assert refused(office, office.act("decision.approve", "E1", proposed.seq)) == (
        f"E1 did act {proposed.seq} and cannot decide on it as well: it takes a second person."
    )


def test_nobody_agrees_twice(office: Office) -> None:
    adopted = office.act(
        "lifecycle.adopt",
        "E1",
        kpi_id=PAID,
        impact="It has steered the plants since 2019.",
        safeguards="Scrap is its counter-KPI.",
        review_on="2027-03-01",
    )
    first = office.act("decision.approve", "B1", adopted.seq)
    assert first.sentence == (
        f"Agreed; act {adopted.seq} is still pending until 1 with the right to sit on board agrees."
    )
    again = refused(office, office.act("decision.approve", "B1", adopted.seq))
    assert again == f"B1 has agreed to act {adopted.seq} already: it takes another person."


def test_who_has_no_right_is_told_who_has(office: Office) -> None:
    answer = office.act("target.propose", "E4", **LINE_TARGET)
    assert refused(office, answer) == (
        "E4 has no right to propose target for L-A1: ask a unit leader within the unit, "
        "target steward within the unit."
    )


def test_who_leads_the_unit_itself_cannot_agree_for_those_above(office: Office) -> None:
    proposed = office.act("target.propose", "TS1", **LINE_TARGET)
    answer = office.act("decision.approve", "E3", proposed.seq)
    assert "E3 has no right to approve target for L-A1" in refused(office, answer)


def test_a_right_that_has_ended_is_refused_with_the_day(office: Office) -> None:
    office.on("2026-07-15")
    proposed = office.act("target.propose", "E3", **LINE_TARGET)
    answer = office.act("decision.approve", "E2", proposed.seq)
    assert refused(office, answer) == (
        f"E2's right to approve target ended on 2026-06-30: let whoever holds it now do the "
        f"consent to act {proposed.seq}."
    )
    assert office.act("decision.approve", "E6", proposed.seq).outcome == "recorded"


def test_an_ended_appointment_gives_no_right_any_more(office: Office) -> None:
    ended = {"role": "board_member", "person_id": "B1", "org_unit_id": "ENT"}
    office.act(
        "appointment.end", "E1", **ended, reason="Has left the board.", valid_from="2026-03-01"
    )
    office.on("2026-03-02")
    answer = office.act(
        "ownership.propose", "B1", kpi_id=UNPAID, owner_id="E4", reason="Knows it best."
    )
    assert refused(office, answer).startswith("B1 has no right to propose owner")


def test_a_target_worse_than_the_threshold_is_refused(office: Office) -> None:
    worse = office.act("target.propose", "E3", **LINE_TARGET | {"target": "0.040"})
    assert refused(office, worse) == (
        f"The target 0.040 is worse than the threshold 0.030, as {UNPAID} is better when lower: "
        "exchange or correct them."
    )
    stretch = office.act("target.propose", "E3", **LINE_TARGET | {"stretch": "0.021"})
    assert "The stretch 0.021 is worse than the target 0.020" in refused(office, stretch)


def test_a_locked_period_takes_no_target_and_no_override(office: Office) -> None:
    office.on("2026-04-10")
    lock = {"org_unit_id": "S-A", "period": "2026-03"}
    office.act("period_lock.lock", "TS1", **lock, snapshot=SNAPSHOT, reason="Evaluation of March.")

    in_march = office.act("target.propose", "E3", **LINE_TARGET, valid_from="2026-03-15")
    assert refused(office, in_march) == (
        "The period 2026-03 is locked for L-A1: let it be released first (period_lock.release), "
        "or give a first valid day after it."
    )
    assert "2026-03 is locked" in refused(office, office.act("override.request", "E2", **OVERRIDE))
    after = office.act("target.propose", "E3", **LINE_TARGET, valid_from="2026-04-01")
    assert after.outcome == "pending"
    elsewhere = LINE_TARGET | {"org_unit_id": "S-B"}
    assert (
        office.act("target.propose", "E4", **elsewhere, valid_from="2026-03-15").outcome
        == "pending"
    )


def test_a_snapshot_that_lacks_judgements_is_not_locked(office: Office) -> None:
    office.on("2026-04-10")
    office.facts = facts(unjudged_snapshots={SNAPSHOT})
    lock = {"org_unit_id": "S-A", "period": "2026-03", "reason": "Evaluation of March."}

    assert "are not judged, as the method failed on them" in refused(
        office, office.act("period_lock.lock", "TS1", **lock, snapshot=SNAPSHOT)
    )


def test_a_lock_that_comes_between_proposal_and_consent_stops_the_consent(office: Office) -> None:
    office.on("2026-04-10")
    proposed = office.act("target.propose", "E3", **LINE_TARGET, valid_from="2026-03-15")
    office.act(
        "period_lock.lock",
        "TS1",
        org_unit_id="S-A",
        period="2026-03",
        snapshot=SNAPSHOT,
        reason="Evaluation of March.",
    )
    answer = office.act("decision.approve", "E2", proposed.seq)
    assert refused(office, answer).startswith(
        f"Act {proposed.seq} is no longer possible. The period 2026-03 is locked"
    )


def test_an_override_of_a_value_that_does_not_exist_is_refused(office: Office) -> None:
    answer = office.act("override.request", "E2", **OVERRIDE | {"period": "2026-02"})
    assert refused(office, answer) == (
        f"There is no published {UNPAID} of site A in 2026-02: look at a scorecard for what there "
        "is."
    )
    empty = office.act("override.request", "E2", **OVERRIDE | {"period": "2026-04"})
    assert "has no computed value that could be overridden" in refused(office, empty)
    stale = office.act("override.request", "E2", **OVERRIDE | {"old_value": "0.0301"})
    assert "is 0.027649, not 0.0301" in refused(office, stale)


def test_an_override_needs_a_second_person_and_ends_on_its_day(office: Office) -> None:
    asked = office.act("override.request", "E2", **OVERRIDE)
    assert truths(office, "override") == []
    assert office.act("decision.approve", "E1", asked.seq).outcome == "recorded"
    [held] = [
        one
        for one in rectangles(office.ledger.entries(), office.rulebook.types.ending())
        if one.register == "override"
    ]
    assert (held.valid_from, held.valid_to) == (dt.date(2026, 3, 1), dt.date(2026, 6, 30))


def test_an_override_for_longer_than_the_policy_is_refused(office: Office) -> None:
    answer = office.act("override.request", "E2", **OVERRIDE | {"expires_on": "2027-03-01"})
    assert "the policy allows 180 days, to 2026-08-28" in refused(office, answer)
    no_end = office.act("override.request", "E2", **OVERRIDE | {"expires_on": ""})
    assert "lacks expires_on" in refused(office, no_end)


def test_a_kpi_has_one_live_owner(office: Office) -> None:
    first = office.act(
        "ownership.propose", "B1", kpi_id=UNPAID, owner_id="E4", reason="Knows it best."
    )
    not_asked = office.act("decision.approve", "E2", first.seq)
    assert refused(office, not_asked) == "E4 is asked, not E2: leave it to them."
    office.act("decision.approve", "E4", first.seq)

    second = office.act(
        "ownership.propose", "B1", kpi_id=UNPAID, owner_id="E2", reason="Knows it better."
    )
    assert refused(office, second) == (
        f"ownership {UNPAID} is owned by E4, so ownership.propose is not possible: possible is "
        "ownership.dispute or ownership.hand_over."
    )
    handed = office.act(
        "ownership.hand_over", "E4", kpi_id=UNPAID, owner_id="E2", reason="Moves to a project."
    )
    office.act("decision.approve", "E2", handed.seq)
    assert [one["owner_id"] for one in truths(office, "ownership")] == ["E2"]
    gone = office.act(
        "ownership.hand_over", "E4", kpi_id=UNPAID, owner_id="E5", reason="Second thoughts."
    )
    assert "E4 has no right to hand over kpi" in refused(office, gone)


def test_those_who_are_consulted_and_informed_are_people_of_the_company(office: Office) -> None:
    named = {"kpi_id": UNPAID, "owner_id": "E4", "reason": "Knows it best.", "informed": ["E3"]}
    nobody = office.act("ownership.propose", "B1", **named, consulted=["E2", "NOBODY"])
    assert "NOBODY" in refused(office, nobody)
    proposed = office.act("ownership.propose", "B1", **named, consulted=["E2", "E3"])
    office.act("decision.approve", "E4", proposed.seq)
    [owned] = truths(office, "ownership")
    assert (owned["consulted"], owned["informed"]) == (["E2", "E3"], ["E3"])


def test_a_disputed_ownership_is_ruled_on_by_two_of_the_board(office: Office) -> None:
    owned = office.act(
        "ownership.propose", "B1", kpi_id=UNPAID, owner_id="E4", reason="Knows it best."
    )
    office.act("decision.approve", "E4", owned.seq)
    office.act("ownership.dispute", "E2", kpi_id=UNPAID, claim="Scrap arises in my plant alone.")
    assert truths(office, "ownership")[-1]["owner_id"] == "E4"
    ruled = office.act(
        "ownership.rule",
        "B2",
        kpi_id=UNPAID,
        owner_id="E2",
        ruling="Where it arises it is answered for.",
    )
    assert truths(office, "ownership")[-1]["owner_id"] == "E4"
    office.act("decision.approve", "B3", ruled.seq)
    assert truths(office, "ownership")[-1]["owner_id"] == "E2"


def adopt(office: Office, kpi: str, *board: str) -> Answer:
    answer = office.act(
        "lifecycle.adopt",
        "E1",
        kpi_id=kpi,
        impact="It has steered the plants since 2019.",
        safeguards="Scrap is its counter-KPI.",
        review_on="2027-03-01",
    )
    for person in board:
        office.act("decision.approve", person, answer.seq)
    return answer


def test_an_act_on_a_retired_kpi_is_refused(office: Office) -> None:
    adopt(office, UNPAID, "B1")
    retired = office.act(
        "lifecycle.retire", "B1", kpi_id=UNPAID, reason="Nobody has used it for a year."
    )
    office.act("decision.approve", "B2", retired.seq)
    answer = office.act("target.propose", "E3", **LINE_TARGET)
    assert refused(office, answer) == (
        f"{UNPAID} is retired since 2026-03-01: use the KPI that took its place."
    )


def test_a_kpi_linked_to_pay_needs_an_assessment_and_the_board(office: Office) -> None:
    office.act("lifecycle.draft", "E1", kpi_id=PAID, reason="Wanted by the owners.")
    approve = {"kpi_id": PAID, "reason": "It measures what matters.", "review_on": "2027-03-01"}
    unassessed = office.act("lifecycle.approve", "E1", **approve)
    assert refused(office, unassessed) == (
        f"{PAID} is linked to pay, and its impact has not been assessed: record lifecycle.assess "
        "first."
    )
    office.act(
        "lifecycle.assess",
        "HR1",
        kpi_id=PAID,
        impact="Leaders will run machines rather than maintain them.",
        affected="Line and site leaders",
        safeguards="Maintenance on schedule is its counter-KPI.",
    )
    approved = office.act("lifecycle.approve", "E1", **approve)
    assert approved.outcome == "pending"
    for person in ("B1", "B2"):
        office.act("decision.approve", person, approved.seq)
    live = office.act("lifecycle.go_live", "B1", kpi_id=PAID, valid_from="2026-04-01")
    assert live.outcome == "effective"


def test_a_first_valid_day_beyond_the_policy_is_refused(office: Office) -> None:
    ahead = office.act("target.propose", "E3", **LINE_TARGET, valid_from="2027-12-01")
    assert refused(office, ahead) == (
        "The first valid day 2027-12-01 lies further ahead than the 400 days that target.propose "
        "allows: give an earlier day, or act when it is nearer."
    )
    back = office.act("target.propose", "E3", **LINE_TARGET, valid_from="2025-01-01")
    assert "lies further back than the 92 days" in refused(office, back)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kpi_id": "KPI999"}, "there is no KPI KPI999"),
        ({"org_unit_id": "S-Z"}, "there is no org unit S-Z on 2026-03-01"),
        ({"period": "March"}, "'March' is no period: write 2026, 2026-Q1"),
        ({"period": "2026-13"}, "'2026-13' is no period"),
        ({"target": "two"}, "'two' is no number like 0.95"),
        ({"target": "NaN"}, "'NaN' is no finite number"),
        ({"target": ["0.02", "0.03"]}, "target is given 2 times"),
        ({"colour": "red"}, "target.propose has no field 'colour'"),
    ],
)
def test_a_field_that_cannot_be_is_named(
    office: Office, changes: dict[str, Any], said: str
) -> None:
    assert said in refused(office, office.act("target.propose", "E3", **LINE_TARGET | changes))


# Change control, exceptions, cases --------------------------------------------------------------


def test_only_the_logic_at_hand_can_be_approved(office: Office) -> None:
    first = office.act("definition.baseline", "E1", kpi_id=UNPAID, to_hash=LOGIC)
    office.act("decision.approve", "B1", first.seq)
    stale = {
        "kpi_id": UNPAID,
        "from_hash": LOGIC,
        "to_hash": LOGIC,
        "change": "Rework counts as scrap.",
        "readings_compared": 100,
        "readings_changed": 12,
        "largest_change": "0.013",
    }
    wrong = office.act("definition.change", "E1", **stale | {"to_hash": "d" * 64})
    assert f"has the hash {LOGIC} now" in refused(office, wrong)

    office.facts = facts(logic_hashes={UNPAID: OTHER_LOGIC})
    other = office.act(
        "definition.change", "E1", **stale | {"from_hash": "d" * 64, "to_hash": OTHER_LOGIC}
    )
    assert f"The approved logic of {UNPAID} is {LOGIC}" in refused(office, other)
    right = office.act("definition.change", "E1", **stale | {"to_hash": OTHER_LOGIC})
    office.act("decision.approve", "B1", right.seq)
    assert truths(office, "definition")[-1]["to_hash"] == OTHER_LOGIC


def test_a_waiver_and_a_release_need_a_second_steward(office: Office) -> None:
    waiver = office.act(
        "waiver.grant",
        "DS1",
        feed="mes_production_counts",
        rule_id="counts_are_plausible",
        reason="The new line runs at twice the speed.",
        expires_on="2026-04-30",
    )
    assert truths(office, "waiver") == []
    office.act("decision.approve", "DS2", waiver.seq)
    assert truths(office, "waiver")[0]["expires_on"] == "2026-04-30"

    release = {
        "feed": "mes_production_counts",
        "delivery_date": "2026-03-02",
        "rule_id": "counts_are_plausible",
        "reason": "Counted again by hand, they are right.",
        "evidence": ["Sheet of 3 March"],
    }
    assert "holds 12 rows" in refused(
        office, office.act("release.grant", "DS1", **release, rows=13)
    )
    released = office.act("release.grant", "DS1", **release, rows=12)
    office.act("decision.approve", "DS2", released.seq)
    assert len(truths(office, "release")) == 1


def test_a_cause_is_confirmed_by_another_person(office: Office) -> None:
    added = office.act(
        "annotation.add",
        "E2",
        kpi_id=UNPAID,
        entity_kind="site",
        entity_id="A",
        period="2026-03",
        cause_code="equipment",
        is_special_cause="yes",
        text="The press stood still after the flood.",
    )
    own = office.act("annotation.confirm", "E2", added.seq, reason="I was there that day.")
    assert "E2" in refused(office, own)
    confirmed = office.act(
        "annotation.confirm", "E1", added.seq, reason="The insurer's report says so."
    )
    assert confirmed.outcome == "effective"
    [held] = truths(office, "annotation")
    assert held["is_special_cause"] is True
    assert held["reason"] == "The insurer's report says so."


def test_a_figure_is_looked_up_by_a_steward_or_an_auditor_and_not_by_whom_it_judges(
    office: Office,
) -> None:
    looked_up: dict[str, Any] = {
        "kpi_id": UNPAID,
        "entity_kind": "site",
        "entity_id": "A",
        "period": "2026-03",
        "second_value": "0.0291",
        "second_source": "Scrap slips of March, in the quality office",
        "reason": "All slips of the month were added up by hand.",
    }

    led = office.act("spot_check.record", "E2", **looked_up)
    assert "E2" in refused(office, led)
    never = office.act("spot_check.record", "DS1", **looked_up | {"period": "2026-05"})
    assert "There is no published" in refused(office, never)

    office.act("spot_check.record", "DS1", **looked_up)
    [held] = truths(office, "spot_check")
    assert str(held["second_value"]) == "0.0291"

    struck = {name: looked_up[name] for name in ("kpi_id", "entity_kind", "entity_id", "period")}
    office.act("spot_check.strike", "DS2", **struck, reason="Those were the slips of April.")
    assert truths(office, "spot_check") == []


def test_a_step_of_a_trial_is_done_on_a_day_that_has_come_and_can_turn_out_undone(
    office: Office,
) -> None:
    step: dict[str, Any] = {
        "trial_id": "faster",
        "entity_kind": "line",
        "entity_id": "A1",
        "step_id": "trained",
    }
    office.facts = facts(
        entities={
            ("line", "A1"): [Place("L-A1", LONG_AGO, OPEN)],
            ("line", "A2"): [Place("L-A1", LONG_AGO, OPEN)],
        },
        trial_steps={("faster", "A1", "trained"): dt.date(2026, 3, 15)},
    )
    done = {**step, "done_on": "2026-03-08", "evidence": ["List of those who were there"]}
    office.on("2026-03-10")

    elsewhere = office.act("trial_step.do", "E4", **done)
    assert "E4 has no right to record steps" in refused(office, elsewhere)
    other_line = office.act("trial_step.do", "E3", **done | {"entity_id": "A2"})
    assert "No trial faster declares a step trained of the line A2" in refused(office, other_line)
    other_step = office.act("trial_step.do", "E3", **done | {"step_id": "tools"})
    assert "declares a step tools" in refused(office, other_step)
    ahead = office.act("trial_step.do", "E3", **done | {"done_on": "2026-03-11"})
    assert "2026-03-11 has not come" in refused(office, ahead)
    unproven = office.act("trial_step.do", "E3", **{**step, "done_on": "2026-03-08"})
    assert "evidence" in refused(office, unproven)

    assert office.act("trial_step.do", "E3", **done).outcome == "effective"
    assert truths(office, "trial_step") == [done]

    office.on("2026-04-02")
    why = "Four of the nine setters were on leave that day."
    assert office.act("trial_step.undo", "DS1", **step, reason=why).outcome == "effective"
    held = [
        one
        for one in rectangles(office.ledger.entries(), office.rulebook.types.ending())
        if one.register == "trial_step" and one.recorded_to is None
    ]
    # The days before keep what was true on them.
    assert [(str(one.valid_from), one.fields.get("done_on")) for one in held] == [
        ("2026-03-10", "2026-03-08"), ("2026-04-02", None),
    ]  # fmt: skip
    again = done | {"done_on": "2026-04-02"}
    assert office.act("trial_step.do", "E3", **again).outcome == "effective"


def test_a_steward_decides_on_two_kpis_that_say_the_same_and_again(office: Office) -> None:
    pair = {"kpi_id": PAID, "other_kpi_id": UNPAID}
    why = "They are one count, seen from its good and from its bad side."

    led = office.act("redundancy.keep", "E2", **pair, reason=why)
    assert "E2" in refused(office, led)
    same = office.act("redundancy.keep", "DS1", **pair | {"other_kpi_id": PAID}, reason=why)
    assert "is named twice" in refused(office, same)
    third = office.act("redundancy.merge", "DS1", **pair, kept_kpi_id="KPI037", reason=why)
    assert "KPI037 is neither" in refused(office, third)

    office.act("redundancy.justify", "DS1", **pair, review_on="2027-03-01", reason=why)
    [held] = truths(office, "redundancy")
    assert str(held["review_on"]) == "2027-03-01"
    office.act("redundancy.merge", "B1", **pair, kept_kpi_id=UNPAID, reason=why)
    [held] = truths(office, "redundancy")
    assert (held["kept_kpi_id"], held.get("review_on")) == (UNPAID, None)
    office.act("redundancy.reopen", "DS1", **pair, reason=why)
    assert truths(office, "redundancy") == []


def test_a_dispute_is_ruled_on_only_after_the_other_side_was_heard(office: Office) -> None:
    opened = office.act(
        "dispute.open",
        "E2",
        kpi_id=UNPAID,
        org_unit_id="S-A",
        claim="Rework of the customer is counted as our scrap.",
        evidence_query="select * from kpi.fct_kpi_readings where kpi_id = 'KPI016'",
        respondent_id="B1",
        due_on="2026-03-31",
    )
    rule = {
        "ruling": "It is the customer's, and leaves the count.",
        "principle": "Who causes it counts it.",
    }
    early = office.act("dispute.rule", "B2", opened.seq, **rule)
    assert "is open" in refused(office, early)
    stranger = office.act(
        "dispute.answer", "E4", opened.seq, answer="It is counted as the definition says."
    )
    assert "E4 has no right to answer dispute" in refused(office, stranger)
    office.act("dispute.answer", "B1", opened.seq, answer="It is counted as the definition says.")
    party = office.act("dispute.rule", "B1", opened.seq, **rule)
    assert "is its respondent" in refused(office, party)
    order = {"ordered_change": "Rework that a customer asked for leaves scrap and the total."}
    dayless = office.act("dispute.rule", "B2", opened.seq, **rule, **order)
    assert "and by which day (change_by)" in refused(office, dayless)
    late = office.act("dispute.rule", "B2", opened.seq, **rule, **order, change_by="2026-02-28")
    assert "which has passed" in refused(office, late)
    ruled = office.act("dispute.rule", "B2", opened.seq, **rule, **order, change_by="2026-05-31")
    assert "is its respondent" in refused(office, office.act("decision.approve", "B1", ruled.seq))
    office.act("decision.approve", "B3", ruled.seq)
    assert truths(office, "dispute")[-1]["principle"] == "Who causes it counts it."
    assert truths(office, "dispute")[-1]["change_by"] == "2026-05-31"


def open_appeal(office: Office) -> Answer:
    return office.act(
        "appeal.open",
        "E3",
        cycle_id="2025",
        employee_id="E3",
        rater_id="E2",
        rating="2",
        claim="The stop in May was ordered from above.",
        evidence=["Mail of 3 May"],
    )


def test_an_appeal_is_reviewed_by_somebody_independent_in_time(office: Office) -> None:
    stranger = office.act(
        "appeal.open",
        "E4",
        cycle_id="2025",
        employee_id="E3",
        rater_id="E2",
        rating="2",
        claim="The stop in May was ordered from above.",
        evidence=["Mail of 3 May"],
    )
    assert "E4 has no right to appeal" in refused(office, stranger)
    appeal = open_appeal(office)
    rater = office.act("appeal.assign", "HR1", appeal.seq, reviewer_id="E2", due_on="2026-03-20")
    assert "E2 gave the rating and cannot review it" in refused(office, rater)
    office.act("appeal.assign", "HR1", appeal.seq, reviewer_id="E4", due_on="2026-03-20")

    decision = {
        "outcome": "changed",
        "new_rating": "3",
        "grounds": "The order of 3 May is on file.",
    }
    office.on("2026-03-21")
    late = office.act("appeal.decide", "E4", appeal.seq, **decision)
    assert "It was due on 2026-03-20" in refused(office, late)
    office.act(
        "appeal.extend",
        "HR1",
        appeal.seq,
        due_on="2026-04-01",
        grounds="The reviewer was ill for a week.",
    )
    assert office.act("appeal.decide", "E4", appeal.seq, **decision).outcome == "effective"
    assert truths(office, "appeal")[-1]["new_rating"] == "3"


def test_a_reviewer_does_not_answer_to_the_rater(office: Office) -> None:
    appeal = office.act(
        "appeal.open",
        "E5",
        cycle_id="2025",
        employee_id="E5",
        rater_id="E2",
        rating="2",
        claim="The stop in May was ordered from above.",
        evidence=["Mail of 3 May"],
    )
    answer = office.act("appeal.assign", "HR1", appeal.seq, reviewer_id="E3", due_on="2026-03-20")
    assert "E3 answers to E2, who gave the rating and leads S-A" in refused(office, answer)


def test_an_auditor_is_independent_and_changes_in_time(office: Office) -> None:
    term = {
        "role": "auditor",
        "org_unit_id": "ENT",
        "employer": "Fair & Square",
        "reason": "Chosen by the board.",
    }
    own = office.act(
        "appointment.appoint_auditor", "E1", **term, person_id="GONE", until="2027-02-28"
    )
    assert "was employed here until 2025-12-31" in refused(office, own)
    long = office.act(
        "appointment.appoint_auditor", "E1", **term, person_id="AUD", until="2032-02-28"
    )
    assert "would have audited for 6.0 years" in refused(office, long)
    first = office.act(
        "appointment.appoint_auditor", "E1", **term, person_id="AUD", until="2029-02-28"
    )
    office.act("decision.approve", "B1", first.seq)
    office.on("2029-03-10")
    again = office.act(
        "appointment.appoint_auditor", "E1", **term, person_id="AUD", until="2032-02-28"
    )
    assert "would have audited for 6.0 years" in refused(office, again)
    assert (
        office.act(
            "appointment.appoint_auditor", "E1", **term, person_id="AUD", until="2031-01-31"
        ).outcome
        == "pending"
    )


def test_consent_is_the_persons_own_and_ends_when_taken_back(office: Office) -> None:
    consent = {"person_id": "E5", "purpose": "fairness_audit"}
    assert "has no right to consent" in refused(
        office, office.act("consent.give", "HR1", **consent)
    )
    office.act("consent.give", "E5", **consent)
    office.on("2026-04-01")
    office.act("consent.withdraw", "E5", **consent)
    held = [
        (one.valid_from, one.act_type)
        for one in rectangles(office.ledger.entries(), office.rulebook.types.ending())
        if one.register == "consent" and one.recorded_to is None
    ]
    assert held == [
        (dt.date(2026, 3, 1), "consent.give"),
        (dt.date(2026, 4, 1), "consent.withdraw"),
    ]


def test_an_erasure_leaves_a_hole_and_the_chain(office: Office) -> None:
    secret = open_appeal(office)
    office.act(
        "appointment.appoint",
        "E1",
        role="data_protection_officer",
        person_id="E5",
        org_unit_id="ENT",
        reason="Named by the works council.",
    )
    order = office.act(
        "erasure.order",
        "E5",
        entries=[str(secret.seq)],
        legal_ground="Article 17 of the GDPR, request of E3.",
    )
    assert secret.seq is not None
    assert office.ledger.entry(secret.seq).payload is not None
    office.act("decision.approve", "E1", order.seq)
    assert office.ledger.entry(secret.seq).payload is None
    assert len(list(office.ledger.entries())) == office.ledger.head().seq


def test_whom_an_act_concerns_is_told(office: Office) -> None:
    owned = office.act(
        "ownership.propose", "B1", kpi_id=UNPAID, owner_id="E4", reason="Knows it best."
    )
    assert owned.notify == ("E4",)
    office.act("decision.approve", "E4", owned.seq)
    asked = office.act("override.request", "E2", **OVERRIDE)
    assert asked.notify == ("E4",)


# Batches ----------------------------------------------------------------------------------------


def test_a_batch_is_recorded_as_a_whole_or_not_at_all(office: Office) -> None:
    before = office.ledger.head().seq
    good = Submission("target.propose", "E3", LINE_TARGET)
    bad = Submission("target.propose", "E3", LINE_TARGET | {"target": "0.04", "period": "2027"})

    answers = office.submit(good, bad, Submission("target.propose", "E3", {}))

    assert [answer.outcome for answer in answers] == ["not_recorded", "refused", "refused"]
    assert office.ledger.head().seq == before + 2
    assert {entry.payload["outcome"] for entry in office.ledger.entries(after_seq=before)} == {
        "refused"
    }


def test_a_later_act_of_a_batch_sees_the_earlier_ones(office: Office) -> None:
    number = office.ledger.head().seq + 1
    answers = office.submit(
        Submission("target.propose", "E3", LINE_TARGET),
        Submission("decision.approve", "E2", refers_to=number),
    )
    assert [answer.outcome for answer in answers] == ["pending", "recorded"]
    assert truths(office, "target") == [LINE_TARGET]


# Ratings ----------------------------------------------------------------------------------------

EXPLAINED = {
    "cycle_id": "R-2026",
    "employee_id": "E5",
    "rationale": "Led the relocation of two lines beside the usual work, without a day lost.",
    "evidence": ["Report of the steering group, 12 March"],
}


def test_ratings_are_locked_only_when_every_outlier_has_been_explained(office: Office) -> None:
    locked = {"cycle_id": "R-2026", "reason": "Calibration of 2026 is closed."}
    unknown = office.act("rating_lock.lock", "HR1", **locked)
    assert "no ratings of a cycle R-2026" in refused(office, unknown)

    office.facts = facts(rating_cycles={"R-2026": RatingCycle(outliers=40, unexplained=12)})
    early = refused(office, office.act("rating_lock.lock", "HR1", **locked))
    assert early == (
        "12 of 40 outlier ratings of R-2026 lack a confirmed rationale as of the last run: let "
        "those who gave them explain (rationale.give), and run `steelyard run` before the lock."
    )

    office.facts = facts(rating_cycles={"R-2026": RatingCycle(outliers=40, unexplained=0)})
    assert office.act("rating_lock.lock", "HR1", **locked).outcome == "effective"
    twice = refused(office, office.act("rating_lock.lock", "HR1", **locked))
    assert "R-2026 is locked" in twice
    release = office.act("rating_lock.release", "HR1", **locked)
    assert release.outcome == "pending"
    office.act("decision.approve", "E1", release.seq)
    assert office.act("rating_lock.lock", "HR1", **locked).outcome == "effective"


def test_an_outlier_is_explained_by_whoever_leads_and_confirmed_by_hr(office: Office) -> None:
    assert "no right" in refused(office, office.act("rationale.give", "E5", **EXPLAINED))
    own = office.act("rationale.give", "E3", **EXPLAINED | {"employee_id": "E3"})
    assert "is its employee" in refused(office, own)

    given = office.act("rationale.give", "E3", **EXPLAINED)
    assert given.outcome == "pending"
    assert truths(office, "rationale") == []
    office.act("decision.approve", "HR1", given.seq)
    assert truths(office, "rationale")[0]["employee_id"] == "E5"
    # The list of acts is published: its subject names nobody.
    subject = last(office)["subject"]
    assert "E5" not in subject

    office.act("rationale.withdraw", "E3", given.seq, reason="It was somebody else's work.")
    assert truths(office, "rationale") == []


# Feasibility ------------------------------------------------------------------------------------

SITE_TARGET = LINE_TARGET | {"org_unit_id": "S-A", "target": "0.015", "stretch": "0.010"}
AGAINST_THE_ODDS = {
    **{name: SITE_TARGET[name] for name in ("kpi_id", "org_unit_id", "period")},
    "level": "0.015",
    "reason": "The new press runs from April on and halves the scrap of coils.",
}
# Scrap of about 0.025: the mean of three months is above 0.022 nine times in ten.
FORESEEN = Forecast(dt.date(2026, 2, 1), 0.028, 0.025, 0.022, tested=33, held=29)


def with_forecast(**changes: Any) -> Any:
    return facts(
        forecasts={(UNPAID, "site", "A"): FORESEEN},
        goals=GoalPolicy(least_odds="0.05"),
        **changes,
    )


def test_a_target_with_too_low_odds_is_refused_and_the_sentence_says_why(office: Office) -> None:
    office.facts = with_forecast()
    # 0.010 below the even level, where one in ten lies 0.003 below: 4.27 deviations.
    assert refused(office, office.act("target.propose", "E2", **SITE_TARGET)) == (
        "By the forecast as of 2026-02 the odds that site A meets the target 0.015 of KPI016 in "
        "the mean of the next three months are less than 0.1%, and goal_policy.yml asks for 5.0% "
        "(of 33 backtested forecasts 29 held within their 80 % interval): set an easier level, "
        "0.025 has even odds, or let feasibility.override say what will change."
    )
    # One in ten is enough; so is any level where nothing is foreseen of the unit.
    for fields, actor in ((SITE_TARGET | {"target": "0.022"}, "E2"), (LINE_TARGET, "E3")):
        assert office.act("target.propose", actor, **fields).outcome == "pending"


def test_a_target_stands_against_the_odds_once_somebody_above_let_it(office: Office) -> None:
    office.facts = with_forecast()
    asked = office.act("feasibility.override", "E2", **AGAINST_THE_ODDS)
    assert asked.outcome == "pending"
    assert "meets the target" in refused(office, office.act("target.propose", "E2", **SITE_TARGET))
    assert "no right to override feasibility" in refused(
        office, office.act("decision.approve", "E3", asked.seq)
    )
    office.act("decision.approve", "E1", asked.seq)

    proposed = office.act("target.propose", "E2", **SITE_TARGET)
    assert proposed.outcome == "pending"
    further = office.act("target.propose", "E2", **SITE_TARGET | {"target": "0.012"})
    assert "meets the target 0.012" in refused(office, further)
    assert office.act("decision.approve", "E1", proposed.seq).outcome == "recorded"

    ended = {**AGAINST_THE_ODDS, "reason": "The press was not bought after all."}
    ended.pop("level")
    assert office.act("feasibility.end", "E1", **ended).outcome == "effective"
    change = CHANGE | {"org_unit_id": "S-A", "stretch": "0.010"}
    # What is agreed stays, and whoever asks for less than that is not held back.
    for target, outcome in (("0.016", "pending"), ("0.015", "pending"), ("0.014", "refused")):
        assert office.act("target.change", "E2", **change | {"target": target}).outcome == outcome


def test_odds_that_have_fallen_stop_the_last_consent(office: Office) -> None:
    proposed = office.act("target.propose", "E2", **SITE_TARGET)
    office.facts = with_forecast()
    late = refused(office, office.act("decision.approve", "E1", proposed.seq))
    assert late.startswith(f"Act {proposed.seq} is no longer possible. By the forecast as of")


def test_nobody_is_held_to_a_forecast_that_came_later(office: Office) -> None:
    office.facts = with_forecast(foreseen_on=dt.date(2026, 3, 2))
    office.on("2026-03-01")
    assert office.act("target.propose", "E2", **SITE_TARGET).outcome == "pending"
    office.on("2026-03-02")
    assert office.act("target.propose", "E2", **SITE_TARGET).outcome == "refused"


def test_a_goal_has_the_same_gate(office: Office) -> None:
    office.facts = with_forecast()
    goal = {
        "goal_id": "G-1",
        "statement": "Half the scrap of coils by the end of the year.",
        "org_unit_id": "S-A",
        "owner_id": "E2",
        "kpi_id": UNPAID,
        "period": "2026",
        "level": "0.015",
    }
    assert "meets the level 0.015" in refused(office, office.act("goal.propose", "E2", **goal))
    proposed = office.act("goal.propose", "E2", **goal | {"level": "0.024"})
    counter = office.act(
        "goal.counter", "E1", proposed.seq, level="0.016", reason="The best month was so good."
    )
    assert "meets the level 0.016" in refused(office, counter)


def test_a_goal_holds_stretch_target_and_floor_in_order(office: Office) -> None:
    goal = {
        "goal_id": "G-2",
        "statement": "Less scrap of coils by the end of the year.",
        "org_unit_id": "S-A",
        "owner_id": "E2",
        "kpi_id": UNPAID,
        "period": "2026",
        "level": "0.020",
        "floor": "0.025",
        "stretch": "0.015",
    }
    for wrong, said in (
        ({"floor": "0.018"}, "The level 0.020 asks no more than the floor 0.018"),
        ({"stretch": "0.021"}, "The stretch 0.021 asks no more than the level 0.020"),
    ):
        assert said in refused(office, office.act("goal.propose", "E2", **goal | wrong))
    proposed = office.act("goal.propose", "E1", **goal)
    for person in ("E2", "B1"):
        assert office.act("decision.approve", person, proposed.seq).outcome == "recorded"
    [held] = truths(office, "goal")
    assert (held["floor"], held["level"], held["stretch"]) == ("0.025", "0.020", "0.015")


def test_no_target_lies_beyond_the_capacity(office: Office) -> None:
    bound = {"kpi": UNPAID, "why": "Trimming takes so much of every coil."}
    of_all = CapacityBound(**bound, bound="0.005")
    of_line = CapacityBound(**bound, bound="0.012", org_unit="L-A1")
    office.facts = facts(capacity={(UNPAID, None): of_all, (UNPAID, "L-A1"): of_line})
    beyond = LINE_TARGET | {"target": "0.011"}
    assert refused(office, office.act("target.propose", "E3", **beyond)) == (
        "Target 0.011 of KPI016 lies beyond the capacity bound 0.012 of L-A1 (Trimming takes so "
        "much of every coil): set a level within it, or let feasibility.override say what will "
        "change."
    )
    at_site = SITE_TARGET | {"target": "0.011"}
    assert office.act("target.propose", "E2", **at_site).outcome == "pending"


# Alarms -----------------------------------------------------------------------------------------


def test_rules_of_charts_change_when_a_second_one_agrees_and_never_for_days_gone_by(
    office: Office,
) -> None:
    asked = {
        "kpi_id": UNPAID,
        "rule_set": "limits",
        "reason": "Of forty runs that were looked into thirty-six were noise.",
    }
    assert "no right" in refused(office, office.act("chart_rules.change", "E2", **asked))
    unknown = office.act("chart_rules.change", "B1", **asked | {"rule_set": "nelson_9"})
    assert "limits" in refused(office, unknown)
    late = office.act("chart_rules.change", "B1", **asked, valid_from="2026-01-01")
    assert late.outcome == "refused"

    given = office.act("chart_rules.change", "B1", **asked)
    assert given.outcome == "pending"
    own = office.act("decision.approve", "B1", given.seq)
    assert own.outcome == "refused"
    assert truths(office, "chart_rules") == []
    office.act("decision.approve", "B2", given.seq)
    assert [row["rule_set"] for row in truths(office, "chart_rules")] == ["limits"]

    back = office.act(
        "chart_rules.restore", "B2", kpi_id=UNPAID, reason="A spindle was lost without a word."
    )
    office.act("decision.approve", "B3", back.seq)
    assert truths(office, "chart_rules") == []


def test_a_signal_is_labelled_by_whoever_leads_there_and_the_label_may_change(
    office: Office,
) -> None:
    flagged = {"kpi_id": UNPAID, "entity_kind": "site", "entity_id": "A", "period": "2026-03"}
    said = flagged | {"label": "noise", "text": "Nothing is in the log of that month."}
    assert "no right" in refused(office, office.act("signal.label", "E4", **said))
    assert office.act("signal.label", "E2", **said).outcome == "effective"
    office.act("signal.label", "E2", **said | {"label": "real"})
    assert [row["label"] for row in truths(office, "signal")] == ["real"]
    office.act("signal.retract", "E2", **flagged)
    assert truths(office, "signal") == []


# Proposals --------------------------------------------------------------------------------------

PROPOSED = {
    "kpi_id": UNPAID,
    "org_unit_id": "S-A",
    "threshold": "0.028",
    "target": "0.025",
    "stretch": "0.022",
    "proposal_method": "history",
    "proposal_inputs": '{"month_count": 36}',
}


def test_a_published_proposal_is_taken_over_by_its_id_with_its_grounds(office: Office) -> None:
    office.facts = with_forecast(proposals={"P-1": PROPOSED})
    taken = office.act("target.take_over", "E2", proposal_id="P-1", period="2026")
    assert taken.outcome == "pending"
    office.act("decision.approve", "E1", taken.seq)
    assert truths(office, "target") == [{"proposal_id": "P-1", "period": "2026", **PROPOSED}]


def test_a_proposal_is_taken_over_as_it_is_or_not_at_all(office: Office) -> None:
    office.facts = with_forecast(proposals={"P-1": PROPOSED})
    unknown = office.act("target.take_over", "E2", proposal_id="P-2", period="2026")
    assert refused(office, unknown) == (
        "There is no published proposal P-2: kpi.fct_target_proposals has those of the last run."
    )
    easier = office.act("target.take_over", "E2", proposal_id="P-1", period="2026", target="0.026")
    assert refused(office, easier) == (
        "The proposal P-1 says target 0.025, not 0.026: leave it out, or use target.propose."
    )
    bare = office.act("target.take_over", "E2", period="2026")
    assert "target.take_over lacks proposal_id" in refused(office, bare)
    other = office.act("target.take_over", "E4", proposal_id="P-1", period="2026")
    assert "no right to propose target" in refused(office, other)


def test_a_proposal_that_asks_too_much_meets_the_same_gate(office: Office) -> None:
    proposed = PROPOSED | {"target": "0.015", "stretch": "0.010", "proposal_method": "benchmark"}
    office.facts = with_forecast(proposals={"P-1": proposed})
    taken = office.act("target.take_over", "E2", proposal_id="P-1", period="2026")
    assert "meets the target 0.015" in refused(office, taken)


# Quizzes ----------------------------------------------------------------------------------------


def test_anybody_hands_in_a_mark_of_a_quiz_if_it_is_one(office: Office) -> None:
    said = {"page": "read_a_control_chart", "mark": "75", "named_points": ["B 14 limit"]}

    assert office.act("quiz.hand_in", "E5", **said).outcome == "recorded"
    beyond = refused(office, office.act("quiz.hand_in", "E5", **said | {"mark": "101"}))
    assert beyond == "A mark is from 0 to 100, and 101 is not: write what the page printed."
    assert "no right" in refused(office, office.act("quiz.hand_in", "NOBODY", **said))
