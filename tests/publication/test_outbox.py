"""Who is to be told of what leaves in files, once."""

import datetime as dt
import json

from orchestration.publication.outbox import write_notices

MONDAY, TUESDAY = dt.date(2026, 10, 5), dt.date(2026, 10, 6)


def notice(act, person, *, acknowledged=None):
    return {
        "act_seq": act,
        "person_id": person,
        "act_type": "target.change",
        "act_title": "Change a target in mid-cycle",
        "subject_key": "target|KPI006|S-A|2026",
        "kpi_id": "KPI006",
        "told_since_utc": dt.datetime.fromisoformat("2026-10-04T08:00:00"),
        "needs_acknowledgement": True,
        "acknowledged_at_utc": acknowledged,
        "is_open": acknowledged is None,
        "is_reminder_due": False,
    }


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def told(path):
    return [(line["act_seq"], line["person_id"]) for line in lines(path)]


def test_each_notice_is_written_once_whatever_run_comes_next(tmp_path):
    first, count = write_notices([notice(2, "E3"), notice(1, "E2")], tmp_path, as_of=MONDAY)
    assert (first.name, count) == ("2026-10-05_000001.jsonl", 2)
    assert told(first) == [(1, "E2"), (2, "E3")]
    assert lines(first)[0] == {
        "act_seq": 1,
        "person_id": "E2",
        "act_type": "target.change",
        "act_title": "Change a target in mid-cycle",
        "subject_key": "target|KPI006|S-A|2026",
        "kpi_id": "KPI006",
        "told_since_utc": "2026-10-04 08:00:00",
        "needs_acknowledgement": True,
    }

    # The same day again, then with one more person of act 2, then on an earlier day.
    assert write_notices([notice(1, "E2"), notice(2, "E3")], tmp_path, as_of=MONDAY) == (None, 0)
    second, _ = write_notices(
        [notice(1, "E2"), notice(2, "E3"), notice(2, "E4")], tmp_path, as_of=TUESDAY
    )
    assert (second.name, told(second)) == ("2026-10-06_000002.jsonl", [(2, "E4")])
    third, _ = write_notices([notice(3, "E2")], tmp_path, as_of=MONDAY)
    assert (third.name, told(third)) == ("2026-10-05_000003.jsonl", [(3, "E2")])


def test_what_was_acknowledged_before_the_outbox_began_is_not_told_any_more(tmp_path):
    known = notice(1, "E2", acknowledged=dt.datetime.fromisoformat("2026-10-04T09:00:00"))
    assert write_notices([known], tmp_path, as_of=MONDAY) == (None, 0)
    assert not (tmp_path / "outbox").exists()


def test_a_file_that_a_killed_run_left_half_written_is_no_outbox(tmp_path):
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / ".incoming-1234").write_text('{"act_seq": 1, "per')

    path, count = write_notices([notice(1, "E2")], tmp_path, as_of=MONDAY)

    assert (path.name, count) == ("2026-10-05_000001.jsonl", 1)
