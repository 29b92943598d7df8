"""kill -9 anywhere in the daily run: the next one ends where a run that nobody disturbed ends."""

import random
from shutil import copytree

import pytest

from tests.faults.conftest import DailyRun, contents, leftovers

POINTS = 50
MOST_KILLS = 3
# Two points that lie in the two halves of a run: while feeds are loaded, and while marts are built.
SHORT = (21, 38)


def points(number):
    """The first kill in the n-th fiftieth of a run, the others wherever they fall."""
    draw = random.Random(number)
    first = (number + draw.random()) / POINTS
    return [first, *(draw.random() for _ in range(draw.randint(1, MOST_KILLS) - 1))]


def kill_and_finish(before, undisturbed, folder, places):
    home = folder / "home"
    copytree(before, home, symlinks=True)
    killed = []
    for place in places:
        run = DailyRun(home)
        if not run.watch(place * undisturbed.cpu_seconds):
            code, output = run.finish()
            assert code == 0, output
            break
        run.kill()
        killed.append(place)
    code, output = DailyRun(home).finish()
    print(f"killed at {[f'{place:.3f}' for place in killed]} of the run")

    assert code == 0, output
    assert contents(home) == undisturbed.contents
    assert leftovers(home) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", SHORT)
def test_a_run_killed_half_way_is_done_again_without_a_trace(before, undisturbed, tmp_path, number):
    kill_and_finish(before, undisturbed, tmp_path, points(number)[:1])


@pytest.mark.endurance
@pytest.mark.parametrize("number", range(POINTS))
def test_a_run_killed_anywhere_up_to_three_times_is_done_again_without_a_trace(
    before, undisturbed, tmp_path, number
):
    kill_and_finish(before, undisturbed, tmp_path, points(number))
