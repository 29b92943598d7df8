"""What the guard is told of waivers and releases, from acts that were recorded and landed."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestration.contracts.load import load_company
from orchestration.ingest.exemptions import Exemption
from orchestration.ingest.pipeline import ingest_feed
from orchestration.ledger.exemptions import read_exemptions
from orchestration.ledger.landing import export_acts
from orchestration.resources.warehouse import Warehouse

from .world import Office, rulebook

FEED, RULE = "mes_production_counts", "counts_are_plausible"
WAIVER = {
    "feed": FEED,
    "rule_id": RULE,
    "reason": "The new line runs at twice the speed.",
    "expires_on": "2026-03-31",
}
RELEASE = {
    "feed": FEED,
    "rule_id": RULE,
    "delivery_date": "2026-03-02",
    "rows": 12,
    "reason": "The counter was reset on the third of March.",
    "evidence": ["Sheet of 3 March"],
}


class Landed:
    """A home whose ledger lands day by day."""

    def __init__(self, folder):
        self.office = Office(folder).on("2026-03-02").appoint_all()
        self.company = load_company("demo")
        self.url = f"sqlite:///{folder / 'ledger.sqlite'}"
        self.warehouse = Warehouse(folder / "home")

    def exemptions(self, day, feed=FEED):
        as_of = dt.date.fromisoformat(day)
        export_acts(self.url, self.warehouse.home, as_of=as_of)
        ingest_feed(
            self.warehouse, self.company, "acts", self.warehouse.home, as_of=as_of, run_id=day
        )
        with self.warehouse.connect() as con:
            return read_exemptions(con, feed, rulebook().types.ending())


@pytest.fixture
def landed(tmp_path):
    return Landed(tmp_path)


def waived(first, last, act):
    first, last = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return Exemption(RULE, first, last, f"waived by act {act} until {last}")


def test_a_waiver_exempts_its_rule_until_it_expires_once_a_second_steward_agreed(landed):
    office = landed.office
    waiver = office.act("waiver.grant", "DS1", **WAIVER)
    assert landed.exemptions("2026-03-02") == ()

    office.act("decision.approve", "DS2", waiver.seq)
    assert landed.exemptions("2026-03-03") == (waived("2026-03-02", "2026-03-31", waiver.seq),)
    assert landed.exemptions("2026-03-03", "erp_deliveries") == ()


def test_a_waiver_that_was_ended_keeps_the_days_before_its_end(landed):
    office = landed.office
    waiver = office.act("waiver.grant", "DS1", **WAIVER)
    office.act("decision.approve", "DS2", waiver.seq)
    office.on("2026-03-10").act(
        "waiver.end", "DS2", feed=FEED, rule_id=RULE, reason="The line runs as before."
    )

    assert landed.exemptions("2026-03-10") == (waived("2026-03-02", "2026-03-09", waiver.seq),)


def test_a_release_exempts_its_rule_on_its_delivery_alone(landed):
    release = landed.office.on("2026-03-05").act("release.grant", "DS1", **RELEASE)
    landed.office.act("decision.approve", "DS2", release.seq)

    day = dt.date(2026, 3, 2)
    assert landed.exemptions("2026-03-05") == (
        Exemption(RULE, day, day, f"let in by act {release.seq}"),
    )


def test_a_home_without_landed_acts_exempts_nothing(tmp_path):
    with Warehouse(tmp_path).connect() as con:
        assert read_exemptions(con, FEED, ()) == ()
