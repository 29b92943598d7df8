"""What several kinds of tests look at: the demo company's definitions, and one published run."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestration.demo import TINY, generate
from orchestration.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

TINY_AS_OF = dt.date(2026, 10, 4)


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
    return json.loads(models.manifest_path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def published_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the published snapshots of a tiny demo company; a run of half a minute."""
    from orchestration.run import run_company  # noqa: PLC0415 (Dagster's and dbt's imports)

    home = tmp_path_factory.mktemp("published")
    settings = Settings.from_environment({"STEELYARD_HOME": str(home)})
    generate(settings.landing, size=TINY)
    run_company(settings, as_of=TINY_AS_OF, report=lambda _what, _done, _total: None)
    return settings.published
