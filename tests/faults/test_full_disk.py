"""A disk that fills up in the middle of a run: one sentence, nothing lost, and a clean next run."""

import os
import subprocess
from shutil import copytree

import pytest

from orchestration.publication.snapshot import read_current, verify
from tests.faults.conftest import DailyRun, contents, leftovers, settings_of, stored_bytes
from tests.services import skip_but_not_in_ci

LEVELS = 9
SHORT = (1, 6)
# What a run needs for a moment, beyond what it leaves: write-ahead logs, two snapshots.
HEADROOM = 3
BLOCK = 1 << 16


@pytest.fixture
def small_disk(before, undisturbed, tmp_path):
    """Return a file system in memory with room for the home and some runs, and the home in it."""
    if os.geteuid() != 0:
        skip_but_not_in_ci("needs root: a small file system is mounted")
    disk = tmp_path / "disk"
    disk.mkdir()
    size = stored_bytes(before) + HEADROOM * undisturbed.grown_bytes
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if mounted.returncode:
        skip_but_not_in_ci(f"cannot mount here: {mounted.stderr.strip()}")
    try:
        copytree(before, disk / "home", symlinks=True)
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(disk, leave):
    """Write a file until so many bytes are free."""
    room = os.statvfs(disk)
    with (disk / "ballast").open("wb") as ballast:
        for _ in range((room.f_bavail * room.f_frsize - leave) // BLOCK):
            ballast.write(bytes(BLOCK))


def run_out_of_space(disk, undisturbed, level):
    """Leave the n-th ninth of what the run will need."""
    home = disk / "home"
    settings = settings_of(home)
    old = read_current(settings.published)
    fill(disk, undisturbed.grown_bytes * level // LEVELS)

    code, output = DailyRun(home).finish()

    print(f"level {level} of {LEVELS}: exit code {code}: {output.strip().splitlines()[-1]}")
    assert code != 0, output
    assert "Traceback" not in output
    said = " ".join(output.split())
    assert said.count("Error:") == 1, output
    assert f"The disk that holds {settings.home} is full" in said
    assert "Free some space" in said
    assert read_current(settings.published) == old
    assert verify(old) == []

    (disk / "ballast").unlink()
    code, output = DailyRun(home).finish()
    assert code == 0, output
    assert contents(home) == undisturbed.contents
    assert leftovers(home) == []


@pytest.mark.slow
@pytest.mark.parametrize("level", SHORT)
def test_a_full_disk_stops_a_run_with_one_sentence_and_leaves_what_was_published(
    small_disk, undisturbed, level
):
    run_out_of_space(small_disk, undisturbed, level)


@pytest.mark.endurance
@pytest.mark.parametrize("level", range(LEVELS))
def test_a_disk_that_is_full_at_any_moment_stops_a_run_with_one_sentence(
    small_disk, undisturbed, level
):
    run_out_of_space(small_disk, undisturbed, level)
