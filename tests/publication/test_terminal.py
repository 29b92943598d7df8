"""The card in a terminal, letter by letter, at the width that every terminal has."""
# ruff: noqa: RUF001 (the dash of an absent figure)

import dataclasses
import datetime as dt
import io

import pytest
from rich.console import Console

from orchestration.ingest.outcome import FeedOutcome, Outcome
from orchestration.publication.scorecard import Line, Outside, Scorecard
from orchestration.publication.terminal import card_view, outcome_view


def line(name, **more):
    return Line(
        **{
            "kpi_id": name,
            "kpi_name": name,
            "unit": "ratio",
            "decimals": 1,
            "weight": 0.25,
            "value": None,
            "n": None,
            "finality": "final",
            "trust_state": "ok",
            "trust_reason": None,
            "target": None,
            "band": "no_target",
            "variation": "not_charted",
            "assurance": "not_assessable",
            "score": None,
        }
        | more
    )


CARD = Scorecard(
    subject_kind="leader",
    subject_id="L017",
    title="Leader scorecard",
    template="leader_monthly version 1",
    period_start=dt.date(2026, 9, 1),
    total_score=6.4,
    measured_weight=0.75,
    leads=("Assembly", "Paint (2026-09-10 to 2026-09-30)"),
    lines=(
        line(
            "OEE index",
            value=0.6123,
            target=0.65,
            n=14_210,
            band="threshold",
            variation="common_cause",
            assurance="hit_and_miss",
            score=6.9,
        ),
        line(
            "Scrap ratio",
            decimals=2,
            value=0.0312,
            target=0.02,
            n=1_204_331,
            band="worse_than_threshold",
            variation="special_cause_deteriorating",
            assurance="will_miss",
            score=2.4,
            finality="provisional",
        ),
        line(
            "Total recordable incident rate (TRIR)",
            unit="cases_per_200k_hours",
            decimals=2,
            value=0.0,
            target=2.0,
            n=0,
            band="stretch",
            score=10.0,
            trust_state="late_input",
            trust_reason="Late: ehs_incidents.",
        ),
        line(
            "Gemba walk adherence",
            target=0.9,
            trust_state="not_computable",
            trust_reason="Never delivered: leader_behaviour_events, leader_plans.",
        ),
    ),
)

EXPECTED = """\
Leader scorecard of L017, September 2026
Leads Assembly, Paint (2026-09-10 to 2026-09-30).

                                         Level                  Meets      Score
KPI                      Value / target  reached    Signal      target     of 10
────────────────────────────────────────────────────────────────────────────────
OEE index                 61.2 / 65.0 %  threshold  no          by chance    6.9
weight 25%, n=14,210
Scrap ratio               3.12 / 2.00 %  none       yes, worse  no           2.4
weight 25%,
n=1,204,331,
provisional
Total recordable            0.00 / 2.00  stretch    –           –           10.0
incident rate (TRIR)
weight 25%, n=0, cases
per 200k hours
Gemba walk adherence         – / 90.0 %  –          –           –              –
weight 25%

Score 6.4 of 10, over the 75% of the card that was measured. 5 is the threshold,
8 the target, 10 the stretch.

Not measured, and counted for nothing:
  Gemba walk adherence: Never delivered: leader_behaviour_events, leader_plans.

To be read with care:
  Total recordable incident rate (TRIR): Late: ehs_incidents.

Signal: yes means that something changed and is worth asking about; no, that the
figure moves as it always does. Meets target: what to expect if nothing changes;
by chance means sometimes, without anyone's doing. A dash: too little history to
tell.
As of 2026-10-31, by template leader_monthly version 1.
"""

OUTCOME = Outcome(
    run_id="r",
    as_of=dt.date(2026, 10, 31),
    feeds=(
        FeedOutcome("mes_operation_confirmations", 1_234, 1_234_567, 9_999, 12_345, 2, "ok"),
        FeedOutcome("leader_plans", 0, 0, 0, 0, 0, "never_delivered"),
    ),
    messages=("mes/2026-10-31/c.csv: The file ends in the middle of a record.",),
)


def shown(view, width):
    screen = io.StringIO()
    Console(file=screen, width=width, color_system=None).print(view)
    return "\n".join(row.rstrip() for row in screen.getvalue().splitlines()) + "\n"


def test_a_card_at_80_columns_reads_like_this():
    assert shown(card_view(CARD, "2026-10-31"), 80) == EXPECTED


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_cut(width):
    for view in (card_view(CARD, "2026-10-31"), outcome_view(OUTCOME)):
        text = shown(view, width)
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text


def test_a_line_that_was_not_judged_says_so_beside_its_value():
    oee = dataclasses.replace(
        CARD.lines[0],
        band="not_judged",
        variation="not_charted",
        assurance="not_assessable",
        score=None,
    )
    text = shown(card_view(dataclasses.replace(CARD, lines=(oee,)), "2026-10-31"), 80)

    (row,) = (row for row in text.splitlines() if row.startswith("OEE index") and "%" in row)
    assert row.split()[2:] == ["61.2", "/", "65.0", "%", "not", "judged", "–", "–", "–"]
    assert "Measured but not judged, as the computation failed, and counted for nothing:" in text
    assert "  OEE index: neither level, signal nor score is known." in text


def test_what_the_statistics_did_not_answer_and_what_was_warned_of_is_named():
    parts = [{"question_id": "kpi_outlook", "part_id": f"KPI00{one}"} for one in range(1, 8)]
    whole = {"question_id": "kpi_relations", "part_id": "all"}
    outcome = dataclasses.replace(
        OUTCOME, unanswered=(*parts, whole), warnings=("kpi.fct_x: rule: 2 of 3 (somebody)",)
    )
    text = shown(outcome_view(outcome), 80)

    assert "\n  kpi_outlook: KPI001, KPI002, KPI003, KPI004, KPI005 and 2 more\n" in text
    assert "\n  kpi_relations: all\n" in text
    assert "\n  kpi.fct_x: rule: 2 of 3 (somebody)\n" in text


def test_a_line_without_a_value_has_no_verdict_and_its_reason_stands_below():
    text = shown(card_view(CARD, "2026-10-31"), 80)

    assert "Gemba walk adherence: Never delivered: leader_behaviour_events" in text
    assert "not_" not in text


def test_a_run_names_what_it_refused_and_what_never_came():
    text = shown(outcome_view(OUTCOME), 80)

    assert "mes_operation_confirmations" in text
    assert "c.csv: The file ends in the middle of a record." in text
    assert "Never delivered; figures that need them say so:\n  leader_plans" in text


def test_a_card_tells_what_acts_changed_and_what_was_there_before():
    changed = line(
        "Scrap ratio",
        decimals=2,
        value=0.02,
        computed_value=0.031,
        override_act_seq=12,
        n=1000,
        target=0.03,
        original_target=0.02,
        is_target_changed=True,
        target_act_seq=7,
        finality="restated",
        trust_state="overridden",
        trust_reason="Overridden by act 12, agreed by E1, until 2026-08-20.",
        newest_cause_code="data_error",
        annotation_count=1,
        previous_value=0.031,
        previous_target=0.02,
        score=8.0,
    )
    text = shown(card_view(dataclasses.replace(CARD, lines=(changed,)), "2026-10-04"), 80)
    told = " ".join(text.split())

    assert "restated, computed 3.10 %, cause: data error" in told
    assert "Overridden by act 12, agreed by E1, until 2026-08-20." in told
    assert "Scrap ratio: target 3.00 % by act 7, first agreed as 2.00 %." in told
    assert "Scrap ratio: when the period became final its value was 3.10 %." in told
    assert "Scrap ratio: when the period became final its target was 2.00 %." in told


def test_a_card_shows_the_adjusted_value_beside_the_raw_one_and_what_is_not_taken_out():
    def driver(name, role, verdict, value):
        return Outside(name, role, verdict, value, value - 0.01, value + 0.01, "drivers-1.0a1b2c3d")

    adjusted = line(
        "OEE index",
        value=0.612,
        computed_value=0.612,
        adjusted_value=0.634,
        adjusted_low=0.621,
        adjusted_high=0.647,
        outside=(
            driver("FREIGHT", "exogenous", "taken_out", 0.634),
            driver("PMI", "exogenous", "no_evidence", 0.62),
            driver("STEEL", "leader_influenced", "not_exogenous", 0.65),
        ),
    )
    text = shown(card_view(dataclasses.replace(CARD, lines=(adjusted,)), "2026-10-04"), 80)
    told = " ".join(text.split())

    assert (
        "OEE index: 63.4 % (62.1 % to 64.7 %) instead of 61.2 %; FREIGHT taken out, model "
        "drivers-1.0a1b2c3d." in told
    )
    assert (
        "OEE index: 62.0 % (61.0 % to 63.0 %) without PMI, not taken out: its effect cannot be "
        "told from nil." in told
    )
    assert (
        "OEE index: 65.0 % (64.0 % to 66.0 %) without STEEL, not taken out: it is leader "
        "influenced." in told
    )
