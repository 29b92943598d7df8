"""What may not change a figure: the number of threads, and the same bytes under another name."""

import shutil

import pytest

from .conftest import FIRST_DAY, LAST_DAY, House

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("threads", [1, 8])
def test_one_two_or_eight_threads_build_the_same(
    first_day, tiny_landing, parsed, tmp_path, threads
):
    other = House(tmp_path, tiny_landing, parsed, threads=threads)

    other.run(FIRST_DAY)

    assert other.query("select current_setting('threads')") == [(threads,)]
    assert first_day.query("select current_setting('threads')") == [(2,)]
    assert other.differences(first_day) == ""


def delivered_after_the_first(house):
    return sorted(
        path
        for path in house.landing.glob("*/*/*/*")
        if FIRST_DAY.isoformat() < path.parent.name <= LAST_DAY.isoformat()
    )


@pytest.mark.parametrize("name", ["0{}", "zz_{}"])
def test_the_same_bytes_under_a_second_name_change_nothing(day_by_day, tmp_path, name):
    house = day_by_day.copy(tmp_path)
    files = delivered_after_the_first(house)
    copies = [path.with_name(name.format(path.name)) for path in files]
    for path, copy in zip(files, copies, strict=True):
        shutil.copy(path, copy)

    house.run(LAST_DAY)

    actions = dict(
        house.query(
            "select action, count(*) from ops.delivery_log "
            "where list_contains(?, file_name) group by action",
            [[copy.name for copy in copies]],
        )
    )
    # One of the demo's files breaks off in the middle, and so does its copy.
    assert actions == {"skip_file": len(files) - 1, "reject_file": 1}
    assert house.differences(day_by_day) == ""


def test_the_same_bytes_under_their_second_name_first_change_nothing(
    first_day, day_by_day, tmp_path
):
    house = first_day.copy(tmp_path)
    files = delivered_after_the_first(house)
    renamed = [path.rename(path.with_name(f"zz_{path.name}")) for path in files]
    house.run(LAST_DAY)
    for path, now in zip(files, renamed, strict=True):
        shutil.copy(now, path)

    house.run(LAST_DAY)

    assert house.differences(day_by_day) == ""
