"""What the environment says is taken, or refused with the name of the variable."""

import pytest

from orchestration.settings import KEEP_VARIABLE, THREADS_VARIABLE, Settings, SettingsError


@pytest.mark.parametrize("name", [THREADS_VARIABLE, KEEP_VARIABLE])
@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_count_that_is_none_is_refused(name, value):
    with pytest.raises(SettingsError, match=f"{name} must be a whole number from 1 on"):
        Settings.from_environment({name: value})


def test_a_child_process_sees_the_counts_that_were_chosen():
    settings = Settings.from_environment({THREADS_VARIABLE: "3", KEEP_VARIABLE: "30"})

    assert (settings.threads, settings.keep_snapshot_days) == (3, 30)
    assert Settings.from_environment(settings.environment()).threads == 3
