"""Companies with real exports, taken from nothing to the published snapshot."""

import warnings

import duckdb
import pytest

from orchestration.publication.snapshot import DATABASE, read_current
from orchestration.run import run_company
from orchestration.settings import Settings


class Built:
    """A company after one run: its outcome, its warehouse and what was published."""

    def __init__(self, settings, outcome):
        self.settings, self.outcome = settings, outcome

    def rows(self, sql, *parameters):
        """Return the rows of a query on the warehouse."""
        return self._rows(self.settings.company_home / "warehouse.duckdb", sql, parameters)

    def published(self, sql, *parameters):
        """Return the rows of a query on the published snapshot."""
        return self._rows(read_current(self.settings.published).folder / DATABASE, sql, parameters)

    @staticmethod
    def _rows(path, sql, parameters):
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Run a company once from nothing, as `steelyard run` does it."""

    def _build(company, landing):
        home = tmp_path_factory.mktemp("home")
        settings = Settings.from_environment({"STEELYARD_HOME": str(home)}).with_choices(
            company=company, landing=landing
        )
        with warnings.catch_warnings():
            # Dagster and dbt warn about their own future, which is not what is tested here.
            warnings.simplefilter("ignore")
            return Built(settings, run_company(settings, as_of=None, report=lambda *_: None))

    return _build
