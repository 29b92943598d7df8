"""What was reported on a past day is found again, or built again bit for bit."""

import datetime as dt
import shutil

import pytest

from orchestration.as_of import look_back
from orchestration.contracts.load import SHIPPED_ROOT
from orchestration.demo import TINY, generate
from orchestration.ledger.desk import Submission
from orchestration.ledger.office import Office
from orchestration.ledger.opening import open_ledger
from orchestration.publication.snapshot import SNAPSHOTS, read_current
from orchestration.run import RunFailedError, run_company
from orchestration.settings import Settings

# What cards need least: who leads what, which targets hold, and one figure to show.
FEEDS = (
    "workday/hr_org_units",
    "workday/hr_employees",
    "workday/hr_assignments",
    "planning/kpi_targets",
    "ehs",
)
DAYS = [dt.date(2026, 10, day) for day in (1, 2)]


def silent(_what, _done, _total):
    pass


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A company of its own, outside the checkout, so that a test can change its definitions."""
    folder = tmp_path_factory.mktemp("company") / "demo"
    shutil.copytree(SHIPPED_ROOT / "seeds/companies/demo", folder)
    shutil.copytree(SHIPPED_ROOT / "expectations/companies/demo", folder / "expectations")
    return folder


@pytest.fixture(scope="module")
def published(company, tmp_path_factory):
    """Four days, each published after people have decided something; and what was published."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings.from_environment({"STEELYARD_HOME": str(home)}).with_choices(
        company=str(company)
    )
    whole = tmp_path_factory.mktemp("whole")
    generate(whole, size=TINY)
    for name in FEEDS:
        shutil.copytree(whole / name, settings.landing / name)
    hashes = {}
    for day in DAYS:
        if hashes:
            decide(settings, day)
        run_company(settings, as_of=day, report=silent)
        hashes[day] = read_current(settings.published).content_hash
    return settings, hashes


def decide(settings, day):
    office = Office.of(settings, open_ledger(settings))
    unit = next(unit for unit in office.facts.units if unit.kind == "site" and unit.leader_id)
    answers = office.submit(
        [
            Submission(
                "target.propose",
                str(unit.leader_id),
                {
                    "kpi_id": "KPI039",
                    "org_unit_id": unit.org_unit_id,
                    "period": f"2026-{day.day:02d}",
                    "threshold": "3.0",
                    "target": "2.5",
                    "stretch": "2.0",
                    "reason": f"As agreed on {day}.",
                },
                valid_from=day,
            )
        ],
        now=lambda: dt.datetime.combine(day, dt.time(5), dt.UTC),
    )
    assert answers[0].outcome == "pending", answers[0].sentence


ON_CARDS = ("KPI006", "KPI016", "KPI015", "KPI037", "KPI039", "KPI053")


def decide_daily(settings, first, last):
    """Somebody proposes or changes a target every day, and the head of the company agrees."""
    ledger = open_ledger(settings)
    office = Office.of(settings, ledger)
    units = [unit for unit in office.facts.units if unit.kind == "site" and unit.leader_id]
    head = next(unit.leader_id for unit in office.facts.units if unit.parent_id is None)
    for number in range((last - first).days):
        day = first + dt.timedelta(days=number)
        count = day.toordinal()
        unit, kpi = units[count % len(units)], ON_CARDS[count // len(units) % len(ON_CARDS)]
        bands = office.facts.kpis[kpi].bands
        levels = {
            name: str(getattr(bands, name) * (100 + count % 7) / 100)
            for name in ("threshold", "target", "stretch")
        }
        names = {"kpi_id": kpi, "org_unit_id": unit.org_unit_id, "period": str(day.year)}
        words = {"reason": f"As the plan of {day} says."}
        changed = {
            "trigger": "internal_event",
            "justification": f"What the plan of {day} assumed is no longer so.",
            "impact": "The card of the plant.",
        }
        subject = "|".join(("target", *names.values()))
        is_new = not any(True for _ in ledger.entries(subject=subject, outcome="pending"))
        proposed = Submission(
            "target.propose" if is_new else "target.change",
            unit.leader_id,
            names | levels | (words if is_new else changed),
        )
        consent = Submission("decision.approve", head, refers_to=ledger.head().seq + 1)
        moment = dt.datetime.combine(day, dt.time(7), dt.UTC)
        answers = office.submit([proposed, consent], now=lambda moment=moment: moment)
        assert [one.outcome for one in answers] == ["pending", "recorded"], answers


@pytest.mark.endurance
def test_a_year_of_daily_acts_is_reported_again_bit_for_bit(company, tmp_path):
    settings = Settings.from_environment({"STEELYARD_HOME": str(tmp_path / "home")}).with_choices(
        company=str(company)
    )
    generate(tmp_path / "whole", size=TINY)
    for name in FEEDS:
        shutil.copytree(tmp_path / "whole" / name, settings.landing / name)
    hashes = {}
    day = DAYS[0]
    run_company(settings, as_of=day, report=silent)
    for _ in range(12):
        later = day + dt.timedelta(days=30)
        decide_daily(settings, day, later)
        run_company(settings, as_of=later, report=silent)
        hashes[later] = read_current(settings.published).content_hash
        day = later
    assert len(set(hashes.values())) == len(hashes)
    current = (settings.published / "current").resolve()
    for folder in (settings.published / SNAPSHOTS).iterdir():
        if folder != current:
            shutil.rmtree(folder)

    for asked in list(hashes)[1::4]:
        past = look_back(settings, asked + dt.timedelta(days=11), "reported", report=silent)
        assert (past.as_of, past.is_retained) == (asked, False)
        assert past.snapshot.content_hash == hashes[asked]
    assert open_ledger(settings).head().seq == 12 * 30 * 2


@pytest.fixture
def forgotten(published, tmp_path):
    """A copy of the company's home in which only the last snapshot is still kept."""
    settings, hashes = published
    home = tmp_path / "home"
    shutil.copytree(settings.home, home, symlinks=True)
    copy = Settings.from_environment({"STEELYARD_HOME": str(home)}).with_choices(
        company=settings.company_name
    )
    current = (copy.published / "current").resolve()
    for folder in (copy.published / SNAPSHOTS).iterdir():
        if folder != current:
            shutil.rmtree(folder)
    shutil.rmtree(copy.landing)
    return copy, hashes


def test_a_retained_snapshot_is_read_where_it_is(published):
    settings, hashes = published

    past = look_back(settings, DAYS[0], "reported", report=silent)

    assert past.is_retained
    assert past.snapshot.content_hash == hashes[DAYS[0]]
    assert past.snapshot.folder.parent == settings.published / SNAPSHOTS


def test_a_day_without_a_run_shows_what_was_published_last(published):
    settings, _ = published
    assert look_back(settings, dt.date(2027, 1, 1), "reported", report=silent).as_of == DAYS[-1]
    with pytest.raises(RunFailedError, match="Nothing had been published up to 2026-09-30"):
        look_back(settings, dt.date(2026, 9, 30), "reported", report=silent)


@pytest.mark.slow
def test_the_definitions_of_then_report_and_those_of_today_explain(forgotten, company):
    settings, hashes = forgotten
    changed = company / "registry" / "kpis" / "trir.yml"
    changed.parent.mkdir(parents=True)
    shipped = (
        SHIPPED_ROOT / "seeds/registry/kpis/safety/total_recordable_incident_rate.yml"
    ).read_text()
    changed.write_text(shipped.replace("multiplier: 200000", "multiplier: 1000000"))
    try:
        assert changed.read_text() != shipped
        today = Settings.from_environment({"STEELYARD_HOME": str(settings.home)}).with_choices(
            company=str(company)
        )
        reported = look_back(today, DAYS[0], "reported", report=silent)
        known = look_back(today, DAYS[0], "known", report=silent)
    finally:
        shutil.rmtree(company / "registry")

    assert (reported.is_retained, reported.snapshot.content_hash) == (False, hashes[DAYS[0]])
    assert look_back(settings, DAYS[0], "reported", report=silent).is_retained
    assert read_current(settings.published).content_hash == hashes[DAYS[-1]] != hashes[DAYS[0]]
    assert known.snapshot.content_hash != hashes[DAYS[0]]
    assert reported.snapshot.as_of == known.snapshot.as_of == DAYS[0].isoformat()


def test_definitions_that_were_not_kept_are_said_to_be_gone(forgotten):
    settings, _ = forgotten
    shutil.rmtree(settings.company_home / "checkouts")
    with pytest.raises(RunFailedError, match="The definitions of 2026-10-01 were not kept"):
        look_back(settings, DAYS[0], "reported", report=silent)
