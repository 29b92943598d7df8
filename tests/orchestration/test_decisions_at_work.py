"""A waiver, a release and a lock do to the daily run what they say; a rebuild knows them too."""

import csv
import datetime as dt
import shutil

import duckdb
import pytest

from orchestration.demo import TINY, generate
from orchestration.ledger.desk import Submission
from orchestration.ledger.office import Office
from orchestration.ledger.opening import open_ledger
from orchestration.publication.snapshot import read_current
from orchestration.rebuild import rebuild
from orchestration.resources.warehouse import Warehouse
from orchestration.run import run_company
from orchestration.settings import Settings

pytestmark = pytest.mark.slow

# The incidents say how far back there are periods.
FEEDS = ("workday/hr_org_units", "workday/hr_employees", "workday/hr_assignments", "ehs")
FIRST, SECOND, THIRD = (dt.date(2026, 10, day) for day in (1, 2, 3))
RULE = "fte_is_a_share"
JULY = dt.date(2026, 7, 1)


def silent(_what, _done, _total):
    pass


def published(settings, sql, *values):
    folder = read_current(settings.published).folder
    with duckdb.connect(str(folder / "steelyard.duckdb"), read_only=True) as con:
        return con.execute(sql, values).fetchall()


def leavers(settings, month):
    [row] = published(
        settings,
        "select numerator, is_locked from kpi.fct_kpi_readings where kpi_id = 'KPI053' "
        "and entity_kind = 'enterprise' and period_kind = 'month' and period_start_date = ?",
        month,
    )
    return row


def set_aside(settings):
    return published(
        settings,
        "select delivery_date, row_count from governance.rpt_set_aside "
        "where feed = 'hr_employees' and rule_id = ? order by delivery_date",
        RULE,
    )


def export(settings, day):
    [path] = (settings.landing / "workday" / "hr_employees" / str(day)).glob("*.csv")
    return path


def edit(path, change):
    """Change each row of an export."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *map(change, rows)])


def decide(settings, day, *submissions):
    office = Office.of(settings, open_ledger(settings))
    answers = office.submit(
        list(submissions), now=lambda: dt.datetime.combine(day, dt.time(9), dt.UTC)
    )
    assert "refused" not in {one.outcome for one in answers}, answers
    return answers


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """Three days of an HR export in which one person works 150 %, and an exit in July comes late.

    Of the first morning's export that row is set aside. Then people decide: the rule is waived,
    the row of the first morning is let in, and July is locked as it was published.
    """
    whole = tmp_path_factory.mktemp("whole")
    generate(whole, size=TINY)
    settings = Settings.from_environment({"STEELYARD_HOME": str(tmp_path_factory.mktemp("home"))})
    for feed in FEEDS:
        shutil.copytree(whole / feed, settings.landing / feed)
    with export(settings, FIRST).open(encoding="utf-8", newline="") as file:
        staying = [row for row in csv.DictReader(file) if not row["Termination_Date"]]
    busy, leaver = staying[-1]["Employee_ID"], staying[-2]["Employee_ID"]

    def works_too_much(row):
        return [*row[:7], "1.500", *row[8:]] if row[0] == busy else row

    def left_in_july(row):
        return [*row[:3], "2026-07-15", "resigned", "true", *row[6:]] if row[0] == leaver else row

    for day in (FIRST, SECOND, THIRD):
        edit(export(settings, day), works_too_much)
    for day in (SECOND, THIRD):
        edit(export(settings, day), left_in_july)

    seen = {}
    run_company(settings, as_of=FIRST, report=silent)
    seen["first"] = (leavers(settings, JULY), set_aside(settings))
    facts = Office.of(settings, open_ledger(settings)).facts
    top = next(unit for unit in facts.units if unit.parent_id is None)
    stewards = [unit.leader_id for unit in facts.units if unit.kind == "site"][:2]
    assert len(set(stewards)) == 2

    def appointed(person):
        fields = {"role": "data_steward", "person_id": person, "org_unit_id": top.org_unit_id}
        reason = {"reason": "Watches over the exports."}
        return Submission("appointment.appoint", top.leader_id, fields | reason)

    about = {"feed": "hr_employees", "rule_id": RULE, "reason": "Two contracts at once, both real."}
    waiver = about | {"expires_on": str(SECOND)}
    release = about | {"delivery_date": str(FIRST), "rows": "1", "evidence": ["HR ticket 4711"]}
    lock = {
        "org_unit_id": top.org_unit_id,
        "period": "2026-07",
        "snapshot": read_current(settings.published).content_hash,
        "reason": "The evaluation of July begins.",
    }
    decide(
        settings,
        FIRST,
        *map(appointed, stewards),
        Submission("waiver.grant", stewards[0], waiver, valid_to=SECOND),
        Submission("decision.approve", stewards[1], refers_to=3),
        Submission("release.grant", stewards[0], release),
        Submission("decision.approve", stewards[1], refers_to=5),
        Submission("period_lock.lock", top.leader_id, lock, valid_from=FIRST),
    )
    run_company(settings, as_of=SECOND, report=silent)
    seen["second"] = (leavers(settings, JULY), set_aside(settings))
    run_company(settings, as_of=THIRD, report=silent)
    seen["third"] = (leavers(settings, JULY), set_aside(settings))
    return settings, seen


def test_the_row_is_set_aside_until_it_is_let_in_and_again_when_the_waiver_has_ended(company):
    settings, seen = company
    assert [aside for _, aside in seen.values()] == [[(FIRST, 1)], [], [(THIRD, 1)]]
    with Warehouse.of(settings).connect() as con:
        kept = con.execute(
            "select distinct delivery_date, severity from ops.expectation_failures "
            "where subject = 'hr_employees' and rule_id = ? order by all",
            [RULE],
        ).fetchall()
    # Of the first day both are kept: that the row failed, and that it was let in all the same.
    assert kept == [
        *((FIRST, "quarantine"), (FIRST, "waived")),
        (SECOND, "waived"),
        (THIRD, "quarantine"),
    ]


def test_a_locked_month_keeps_its_figure_and_what_came_late_is_shown_beside_it(company):
    settings, seen = company
    (before, was_locked), (after, is_locked) = seen["first"][0], seen["third"][0]
    assert (was_locked, is_locked) == (False, True)
    assert after == before
    [late] = published(
        settings,
        "select locked_numerator, present_numerator from kpi.fct_late_adjustments "
        "where kpi_id = 'KPI053' and entity_kind = 'enterprise' and period_kind = 'month' "
        "and period_start_date = ?",
        JULY,
    )
    assert late == (before, before + 1)


def test_a_rebuild_knows_waiver_release_and_lock(company):
    settings, _ = company
    rebuilt = rebuild(settings, report=silent)
    assert rebuilt.content_hash == rebuilt.previous_hash
