"""Where things are: the only reader of environment variables.

All data of all companies lies under one home, by default a git-ignored folder of the checkout;
nothing is ever written into tracked folders.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.contracts.load import SHIPPED_ROOT, load_company

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestration.contracts.model import Company

# Events that Dagster hands to its log in one batch, and the log writes in one transaction.
EVENT_BATCH_SIZE = 1000
STORAGE_VARIABLE = "STEELYARD_DAGSTER_STORAGE"
LEDGER_VARIABLE = "STEELYARD_LEDGER"
LEDGER_FILE = "ledger.sqlite"
ANCHORS_VARIABLE = "STEELYARD_ANCHORS"
SIGNING_KEY_VARIABLE = "STEELYARD_SIGNING_KEY"
THREADS_VARIABLE = "STEELYARD_THREADS"
KEEP_VARIABLE = "STEELYARD_KEEP_SNAPSHOT_DAYS"


class SettingsError(ValueError):
    """An environment variable says something that cannot be."""


@dataclass(frozen=True)
class Settings:
    """One company's paths and limits.

    Attributes
    ----------
    root : Path
        The checkout, with the standard catalogue.
    home : Path
        Holds one folder per company: warehouse, landed bytes, lake, published snapshots, runs.
    company_name : str
        Name of a shipped company, or the path of a company's folder.
    landing_folder : Path or None
        Where deliveries are dropped; by default the company home's `inbox`.
    memory_limit : str
        What DuckDB may use before it spills to disk.
    threads : int
        How many threads DuckDB uses, and how many models dbt builds at a time; by default as many
        as there are cores. No figure depends on it.
    keep_snapshot_days : int
        For how long a published snapshot is kept after another one has taken its place.
    named_dagster_home : Path or None
        What DAGSTER_HOME says, which may be another folder than this company's.
    dagster_storage : str or None
        URL of the Postgres database that keeps Dagster's runs and events; by default they lie in
        SQLite files of the Dagster home.
    ledger_storage : str or None
        URL of the Postgres database that keeps the ledger of acts; by default it is a SQLite file
        of the company home.
    anchors_folder, signing_key_file : Path or None
        Where the ledger's signed heads are written, and the key that signs them; by default both
        lie in the company's home.
    """

    root: Path
    home: Path
    company_name: str
    landing_folder: Path | None
    memory_limit: str
    named_dagster_home: Path | None = None
    dagster_storage: str | None = None
    ledger_storage: str | None = None
    anchors_folder: Path | None = None
    signing_key_file: Path | None = None
    threads: int = os.cpu_count() or 1
    keep_snapshot_days: int = 7

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read DAGSTER_HOME and the variables STEELYARD_*: HOME, COMPANY, LANDING and so on.

        Raises
        ------
        SettingsError
            If the URL of a storage is not one of Postgres, or a count is none.
        """
        landing = environment.get("STEELYARD_LANDING")
        dagster_home = environment.get("DAGSTER_HOME")
        return cls(
            root=SHIPPED_ROOT,
            home=Path(environment.get("STEELYARD_HOME") or SHIPPED_ROOT / ".steelyard").resolve(),
            company_name=environment.get("STEELYARD_COMPANY") or "demo",
            landing_folder=Path(landing).resolve() if landing else None,
            memory_limit=environment.get("STEELYARD_MEMORY_LIMIT") or "4GB",
            named_dagster_home=Path(dagster_home).resolve() if dagster_home else None,
            dagster_storage=_postgres(environment, STORAGE_VARIABLE),
            ledger_storage=_postgres(environment, LEDGER_VARIABLE),
            anchors_folder=_path(environment, ANCHORS_VARIABLE),
            signing_key_file=_path(environment, SIGNING_KEY_VARIABLE),
            threads=_count(environment, THREADS_VARIABLE, cls.threads),
            keep_snapshot_days=_count(environment, KEEP_VARIABLE, cls.keep_snapshot_days),
        )

    def with_choices(self, *, company: str | None = None, landing: Path | None = None) -> Settings:
        """Return the settings with what a command line chose instead."""
        return replace(
            self,
            company_name=company or self.company_name,
            landing_folder=landing.resolve() if landing else self.landing_folder,
        )

    @cached_property
    def company(self) -> Company:
        """The company with its feeds; reading it validates all its contracts."""
        return load_company(self.company_name, self.root)

    @property
    def company_home(self) -> Path:
        """The folder that holds everything of this company."""
        return self.home / self.company.name

    @property
    def landing(self) -> Path:
        """The folder in which deliveries arrive."""
        return self.landing_folder or self.company_home / "inbox"

    def folder_of(self, feed: str) -> Path:
        """Return the folder that the file patterns of a feed start from."""
        declared = self.company.feeds.get(feed)
        if declared is not None and declared.folder == "home":
            return self.company_home
        return self.landing

    @property
    def anchors(self) -> Path:
        """The folder of the ledger's signed heads; better on another machine."""
        return self.anchors_folder or self.company_home / "anchors"

    @property
    def signing_key(self) -> Path:
        """The file of the private key that signs the ledger's heads."""
        return self.signing_key_file or self.company_home / "keys" / "ledger.pem"

    @property
    def ledger_url(self) -> str:
        """The database of the ledger of acts."""
        return self.ledger_storage or f"sqlite:///{self.company_home / 'ledger' / LEDGER_FILE}"

    @property
    def dagster_home(self) -> Path:
        """The folder of Dagster's runs and events; one per company, as asset keys are the same."""
        return self.company_home / "dagster"

    @property
    def event_logs(self) -> Path:
        """The folder in which Dagster keeps the events of each run, unless it is in Postgres."""
        return self.dagster_home / "history" / "runs"

    @property
    def signs_of_life(self) -> Path:
        """The folder in which every run holds a lock for as long as its process lives."""
        return self.dagster_home / "workers"

    @property
    def dbt_project(self) -> Path:
        """The folder of the dbt project."""
        return self.root / "dbt_project"

    @property
    def dbt_home(self) -> Path:
        """Where dbt keeps its manifest and compiled models of this company."""
        return self.company_home / "dbt"

    @property
    def published(self) -> Path:
        """The folder of the published snapshots."""
        return self.company_home / "published"

    @property
    def data_docs(self) -> Path:
        """The folder of the pages that say what every rule last found."""
        return self.company_home / "data_docs"

    @property
    def register_folders(self) -> tuple[Path, ...]:
        """The shipped registers first, the company's own last."""
        return (self.root / "seeds" / "registry", self.company.folder / "registry")

    def environment(self) -> dict[str, str]:
        """Return the variables that make a child process see this company."""
        variables = {
            "STEELYARD_HOME": str(self.home),
            "STEELYARD_COMPANY": self.company_name,
            "STEELYARD_MEMORY_LIMIT": self.memory_limit,
            THREADS_VARIABLE: str(self.threads),
            KEEP_VARIABLE: str(self.keep_snapshot_days),
            "STEELYARD_WAREHOUSE": str(self.company_home / "warehouse.duckdb"),
            "DAGSTER_HOME": str(self.dagster_home),
            "DAGSTER_EVENT_BATCH_SIZE": str(EVENT_BATCH_SIZE),
        }
        if self.landing_folder is not None:
            variables["STEELYARD_LANDING"] = str(self.landing_folder)
        if self.dagster_storage is not None:
            variables[STORAGE_VARIABLE] = self.dagster_storage
        if self.ledger_storage is not None:
            variables[LEDGER_VARIABLE] = self.ledger_storage
        for name, path in (
            (ANCHORS_VARIABLE, self.anchors_folder),
            (SIGNING_KEY_VARIABLE, self.signing_key_file),
        ):
            if path is not None:
                variables[name] = str(path)
        return variables


def _postgres(environment: Mapping[str, str], name: str) -> str | None:
    url = environment.get(name)
    if url and not url.startswith("postgresql://"):
        raise SettingsError(f"{name} must begin with postgresql://, or be unset for SQLite.")
    return url or None


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    return Path(value).resolve() if value else None


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} must be a whole number from 1 on, not {text}.")
    return int(text)


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the duration: Dagster and dbt read their settings there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
