"""What several kinds of tests look at: the demo company's definitions, and one published run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from orchestration.settings import Settings

# The same examples in every run, however busy the machine is: a search for new ones is for whoever
# changes a law, with `--hypothesis-profile=search`.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("steady")

ROOT = Path(__file__).parents[1]
# The day of the last of its three daily deliveries.
TINY_AS_OF = "2026-10-04"


@pytest.fixture(scope="session")
def demo_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The demo company in a home of its own, without any delivery."""
    home = tmp_path_factory.mktemp("home")
    return Settings.from_environment({"STEELYARD_HOME": str(home)})


@pytest.fixture(scope="session")
def manifest(demo_settings: Settings) -> dict[str, Any]:
    """dbt's manifest of the project as it stands."""
    from orchestration.resources.dbt_models import DbtModels  # noqa: PLC0415 (dbt's imports)

    models = DbtModels(
        demo_settings.dbt_project, demo_settings.dbt_home, demo_settings.environment()
    )
    return models.read_manifest()


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a tiny demo company after its run: half a minute, as a user starts it."""
    home = tmp_path_factory.mktemp("tiny")
    for words in (["demo", "--size", "tiny"], ["run", "--as-of", TINY_AS_OF]):
        subprocess.run(
            [sys.executable, "-c", "from orchestration.cli import main; main()", *words],
            env=os.environ | {"STEELYARD_HOME": str(home), "STEELYARD_COMPANY": "demo"},
            cwd=ROOT,
            check=True,
        )
    return home
