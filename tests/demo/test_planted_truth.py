"""What truth.json says was planted is in the files, and nothing else is wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from orchestration.contracts.load import load_company
from orchestration.demo import DEFAULT, TINY, DemoSize, deliveries, generate, with_machine_events
from orchestration.demo.company import found
from orchestration.demo.faults import SYSTEMS
from orchestration.demo.size import day_number
from orchestration.ingest.guard import judge_file
from orchestration.registry.load import load_registers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SEEDS = Path(__file__).parents[2] / "seeds"
FEEDS = [feed for feeds in SYSTEMS.values() for feed in feeds]


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tiny, tmp_path):
    first = digest(tiny.summary.landing.parent)
    generate(tmp_path / "again" / "landing", size=TINY)
    generate(tmp_path / "other" / "landing", size=TINY, seed=7)

    assert digest(tmp_path / "again") == first
    other = digest(tmp_path / "other")
    assert other["truth.json"] != first["truth.json"]
    counts = "landing/mes/mes_production_counts/2026-10-01/mes_production_counts_202606.csv"
    assert other[counts] != first[counts]


def test_a_longer_history_does_not_move_what_is_drawn_from_other_streams(tiny, tmp_path):
    size = dataclasses.replace(TINY, daily_deliveries=2)
    generate(tmp_path / "landing", size=size)

    reasons = "landing/mes/mes_reason_codes/2026-10-01/mes_reason_codes_20261001.csv"
    assert digest(tmp_path)[reasons] == digest(tiny.summary.landing.parent)[reasons]


def test_every_file_that_the_truth_does_not_name_is_accepted_whole(tiny):
    """The contracts, profiles and exports of the demo company agree."""
    named = {fault["file"] for fault in tiny.truth["deliveries"]}
    verdicts = dict(_verdicts(tiny, lambda relative: relative not in named))
    # The feedback tool exports some rows twice; exact copies are dropped with a warning.
    copied = {path for path in verdicts if "/hr_feedback_360/" in path}
    assert {verdicts.pop(path) for path in copied} == {("accept_with_warning", 0)}
    short = {path: verdict for path, verdict in verdicts.items() if verdict != ("accept", 0)}

    assert {path.split("/")[1] for path in verdicts} | {"hr_feedback_360"} == set(FEEDS)
    assert short == {}


def test_what_the_guard_says_of_planted_files_is_what_the_truth_expects(month):
    kind_of = {fault["file"]: fault["kind"] for fault in month.truth["deliveries"]}
    text = {path for path in kind_of if not path.endswith(".xlsx")}
    verdicts = [
        (kind_of[path], verdict) for path, verdict in _verdicts(month, lambda name: name in text)
    ]

    # A file that comes again is skipped only where its first delivery is known.
    assert sorted(set(verdicts)) == [
        ("damaged_header_renamed", ("reject_file", 0)),
        ("damaged_truncated", ("reject_file", 0)),
        ("damaged_unparsable_rows", ("quarantine_rows", 1)),
        ("damaged_unparsable_rows", ("quarantine_rows", 6)),
        ("duplicated_shift_file", ("accept", 0)),
        ("late", ("accept", 0)),
        ("redelivered", ("accept", 0)),
        ("restated", ("accept", 0)),
        # The guard reads it; the rule that nobody approves his own is run beside it.
        ("self_approved_override", ("accept", 0)),
        ("stale_counter", ("accept", 0)),
        ("stale_feed", ("accept", 0)),
        ("swapped_columns", ("accept", 0)),
        ("unit_times_1000", ("accept", 0)),
    ]


def _verdicts(made, wanted: Callable[[str], bool]) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield path, action and quarantined rows of the files wanted."""
    company = load_company("demo")
    landing = made.summary.landing
    con = duckdb.connect()
    for form in (form for feed in company.feeds.values() for form in feed.forms):
        for path in sorted(landing.glob(form.files.replace("{delivery_date}", "*"))):
            relative = path.relative_to(landing).as_posix()
            if not wanted(relative):
                continue
            day = dt.date.fromisoformat(path.parent.name)
            verdict = judge_file(
                con,
                form.contract,
                path,
                received_at=dt.datetime.combine(day, dt.time(23, 59), dt.UTC),
                site_zones=company.site_zones,
            )
            yield relative, (verdict.action, verdict.rows_quarantined)


def test_all_kinds_of_faults_are_planted_in_a_month(month):
    kinds = sorted(fault["kind"] for fault in month.truth["deliveries"])

    assert kinds == sorted(
        ["late"] * 4
        + ["restated"] * 3
        + ["damaged_truncated"]
        + ["damaged_header_renamed", "damaged_unparsable_rows"] * 2
        + ["unit_times_1000"] * 2
        + ["redelivered", "swapped_columns", "duplicated_shift_file", "missing_file"]
        + ["stale_counter", "stale_feed"] * 3
        + ["self_approved_override"]
    )


def test_a_damaged_file_is_followed_by_a_whole_one_the_next_day(month):
    kinds = ("damaged_truncated", "damaged_header_renamed", "damaged_unparsable_rows")
    for fault in (fault for kind in kinds for fault in month.faults(kind)):
        repaired = month.summary.landing / fault["repaired_by"]
        wait = dt.date.fromisoformat(repaired.parent.name) - dt.date.fromisoformat(
            fault["delivered"]
        )

        assert repaired.is_file()
        assert wait.days == 1


def test_the_truncated_file_breaks_off_in_a_record(month):
    (fault,) = month.faults("damaged_truncated")
    cut, whole = month.content(fault["file"]), month.content(fault["repaired_by"])

    assert not cut.endswith(b"\n")
    assert whole.startswith(cut)
    assert cut.rsplit(b"\n", 1)[1].count(b",") < cut.split(b"\n", 1)[0].count(b",")


def test_unparsable_rows_are_where_the_truth_says_and_come_again_mended(month):
    for fault in month.faults("damaged_unparsable_rows"):
        rows = month.content(fault["file"]).decode().splitlines()
        column = rows[0].split(",").index(fault["column"])
        wrong = [
            number
            for number, row in enumerate(rows[1:], start=1)
            if not re.fullmatch(r"[0-9.]*", row.split(",")[column])
        ]
        mended = month.content(fault["repaired_by"]).decode().splitlines()[1:]

        assert wrong == fault["rows"]
        assert [row.split(",")[:2] for row in mended] == [rows[n].split(",")[:2] for n in wrong]


def test_one_count_is_a_thousand_times_too_high(month):
    for fault in month.faults("unit_times_1000"):
        rows = month.content(fault["file"]).decode().splitlines()
        row = dict(zip(rows[0].split(","), rows[fault["rows"][0]].split(","), strict=True))

        assert row["event_id"] == fault["event_id"]
        assert int(row["good_qty"]) == fault["delivered_value"] == 1000 * fault["true_value"]


def test_a_redelivered_file_has_the_bytes_of_the_first(month):
    (fault,) = month.faults("redelivered")

    assert month.content(fault["file"]) == month.content(fault["first_file"])


def test_a_restated_file_changes_values_and_no_key(month):
    (fault,) = [f for f in month.faults("restated") if f["feed"] == "mes_production_counts"]
    day = fault["production_day"].replace("-", "")
    (first,) = [
        name for name in month.files("mes_production_counts") if name.endswith(f"{day}.csv")
    ]
    before = {row.split(",")[0]: row for row in Path(first).read_text().splitlines()[1:]}
    after = month.content(fault["file"]).decode().splitlines()[1:]

    assert len(after) == fault["rows"] > 0
    assert all(before[row.split(",")[0]] != row for row in after)


def test_a_doubled_shift_has_the_values_of_the_first_under_other_ids(month):
    (fault,) = month.faults("duplicated_shift_file")
    copies = month.content(fault["file"]).decode().splitlines()[1:]
    original = month.content(fault["file"].replace("_manual", "")).decode()

    assert len(copies) == fault["rows"] > 0
    for row in copies:
        event, rest = row.split(",", 1)
        assert f"{event.removesuffix('-B')},{rest}\n" in original


def test_late_and_missing_files_are_missing_where_the_truth_says(month):
    for fault in month.faults("late"):
        day = month.summary.landing / Path(fault["file"]).parent.parent / fault["missing_on"]
        assert not list(day.glob("*"))
        assert (month.summary.landing / fault["file"]).is_file()
    (missing,) = month.faults("missing_file")
    assert not (month.summary.landing / missing["file"]).exists()


def test_a_stuck_counter_repeats_the_quantities_of_the_day_before_it_stuck(month):
    faults = month.faults("stale_counter")
    source = month.content(faults[0]["repeats"]).decode().splitlines()
    head = source[0].split(",")

    def quantities(lines):
        rows = (dict(zip(head, line.split(","), strict=True)) for line in lines)
        return [[row[name] for name in faults[0]["columns"]] for row in rows]

    machine = f",{faults[0]['machine_id']},"
    before = quantities(line for line in source if machine in line)
    assert len(faults) == 3
    for fault in faults:
        lines = month.content(fault["file"]).decode().splitlines()
        assert all(machine in lines[n] for n in fault["rows"])
        repeated = quantities(lines[n] for n in fault["rows"])
        # Three shifts or more with the same pieces to the last one, on four days running.
        assert len(repeated) >= 3
        assert repeated == [before[n % len(before)] for n in range(len(repeated))]


def test_a_snapshot_that_stands_still_has_the_bytes_of_an_earlier_day(month):
    faults = month.faults("stale_feed")

    assert len(faults) == 3
    for fault in faults:
        assert month.content(fault["file"]) == month.content(fault["repeats"])


def test_the_override_of_one_pair_of_eyes_is_in_its_file(month):
    (fault,) = month.faults("self_approved_override")
    head, row = month.content(fault["file"]).decode().splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True))

    assert cells["requested_by"] == cells["approved_by"]


def test_a_month_made_in_spans_has_one_header_and_no_gap(tmp_path, monkeypatch):
    """Few states at a time bound the memory, and nothing shows where one span ended."""
    monkeypatch.setattr(deliveries, "STATES_AT_ONCE", 700)
    size = dataclasses.replace(TINY, history_months=1, daily_deliveries=2)
    generate(tmp_path / "landing", size=size)
    history = tmp_path / "landing/mes/mes_machine_states/2026-10-01"
    lines = next(history.iterdir()).read_text().splitlines()
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")

    assert [line.startswith("site,machine_id,") for line in lines].count(True) == 1
    # A state may end 45 s after the next one began; none begins after the one before it ended.
    files = f"{tmp_path}/landing/mes/mes_machine_states/*/*.csv"
    gaps = con.execute(
        f"""select count(*) from (select start_ts::timestamptz as begins, lag(end_ts::timestamptz)
            over (partition by machine_id order by start_ts::timestamptz) as ended
            from read_csv('{files}', all_varchar = true)) where begins > ended"""
    ).fetchall()
    assert gaps == [(0,)]
    spans = list(deliveries._spans(found(1, size), size.first_day, size.cut))
    assert len(spans) == 3
    assert spans[0][1] + 1 == spans[1][0]


@pytest.mark.parametrize("rows", [40_000, 200_000])
def test_machines_send_about_as_many_states_as_were_asked_for(tmp_path, rows):
    size = with_machine_events(dataclasses.replace(TINY, history_months=2), rows)
    summary = generate(tmp_path / "landing", size=size)

    assert summary.rows["mes_machine_states"] == pytest.approx(rows, rel=0.05)


def test_fewer_states_than_shifts_make_are_refused():
    with pytest.raises(ValueError, match="machine events or more"):
        with_machine_events(TINY, 100)


def test_swapped_columns_show_more_scrap_than_good(month):
    (fault,) = month.faults("swapped_columns")
    rows = month.content(fault["file"]).decode().splitlines()
    head = rows[0].split(",")
    for number in fault["rows"]:
        row = dict(zip(head, rows[number].split(","), strict=True))
        assert row["machine_id"] == fault["machine_id"]
        assert int(row["scrap_qty"]) > int(row["good_qty"])


def test_a_line_runs_as_much_as_its_site_line_and_leaders_say(month):
    """Availability of each line in the history against the formula of the documentation."""
    observed = month.rows(
        "mes_machine_states",
        """select machine_id[:8], sum(if(state = 'RUN', s, 0)) / sum(s) from (select *,
             date_diff('second', start_ts::timestamptz, end_ts::timestamptz) s from t
             where state in ('RUN', 'CHANGEOVER', 'WAIT', 'FAULT') and filename like '%2026-10-01%')
           group by 1""",
    )

    assert len(observed) == 6
    for line, share in observed:
        days = [dt.date(2026, 6, 1) + dt.timedelta(days=n) for n in range(122)]
        if line.startswith("DE01"):
            days = [day for day in days if day.weekday() < 5]
        expected = sum(_availability(month.truth, line, day) for day in days) / len(days)
        # Four machines and 85 or more days of two or three shifts: a standard error below 0.005.
        assert share == pytest.approx(expected, abs=0.02), line


def _availability(truth: dict, line: str, day: dt.date) -> float:
    share = truth["site_baselines"][line[:4]]["availability"]
    share *= truth["line_availability_factor"][line]
    for unit, weight in ((f"L-{line}", 1.0), (f"S-{line[:4]}", truth["site_leader_weight"])):
        (leader,) = [
            post["leader_id"]
            for post in truth["posts"]
            if post["org_unit_id"] == unit
            and post["from"] <= str(day)
            and (post["to"] is None or str(day) <= post["to"])
        ]
        share *= truth["leaders"][leader]["availability_factor"] ** weight
    for shock in truth["shocks"]:
        if line[:4] in shock["sites"] and shock["from"] <= str(day) <= shock["to"]:
            share *= shock["availability_factor"]
    for shift in truth["process_shifts"]:
        hit = shift["line"] == line and shift["measure"] == "availability"
        if hit and shift["from"] <= str(day):
            share *= shift["factor"]
    return share


@pytest.mark.parametrize(
    "wrong",
    [
        {"plants": 7},
        {"lines": 1},
        {"machines": 3},
        {"leaders": 5},
        {"events_per_machine_day": 6_000},
        {"history_end": dt.date(2026, 9, 29)},
    ],
)
def test_a_size_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must|needs"):
        dataclasses.replace(TINY, **wrong)


def test_progress_ends_where_it_said(tmp_path):
    seen: list[tuple[str, int, int]] = []
    size = DemoSize(
        plants=1, lines=1, machines=2, employees=20, leaders=4, history_months=1,
        daily_deliveries=1,
    )  # fmt: skip
    generate(tmp_path / "landing", size=size, progress=lambda *step: seen.append(step))

    assert [step for _, step, _ in seen] == sorted(step for _, step, _ in seen)
    assert seen[-1][1] == seen[-1][2]


def test_the_pilot_is_planted_where_the_register_declares_it_and_nowhere_else():
    seed = 20_231_001
    planted, idle = found(seed, DEFAULT), found(seed, DEFAULT, pilot_factor=1.0)
    first, last = DEFAULT.first_day, DEFAULT.cut
    with_pilot, without = (one.line_effects("performance", first, last) for one in (planted, idle))
    declared = load_registers(
        [SEEDS / "registry", SEEDS / "companies" / "demo" / "registry"]
    ).trials["setup_standard"]
    starts = {line: wave.starts_on for wave in declared.waves for line in wave.lines}

    assert len(starts) == 12
    assert len({line[:4] for line in starts}) == 5
    for at, line in enumerate(planted.line_ids):
        days = [first + day for day, ratio in enumerate(with_pilot[at] / without[at]) if ratio > 1]
        expected = range(day_number(starts[line]), last + 1) if line in starts else []
        assert days == list(expected), line
    assert (with_pilot / without).max() == pytest.approx(1.03)
    # Nothing else is moved, and a company without those lines or that past has no pilot.
    for measure in ("availability", "scrap"):
        assert (
            planted.line_effects(measure, first, last) == idle.line_effects(measure, first, last)
        ).all()
    assert found(seed, TINY).pilot == []
    assert found(seed, dataclasses.replace(DEFAULT, history_months=12)).pilot == []
