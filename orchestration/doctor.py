"""Looks at everything a run needs, and says what to do about what is not as it should be."""

from __future__ import annotations

import os
import shutil
import sys
import zoneinfo
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestration.settings import Settings

RESOURCES = Path(__file__).parent / "resources"
DAGSTER_TEMPLATE = RESOURCES / "dagster.template.yaml"
STORAGE_SECONDS = 5
# `.env` may name a database with its password.
OWNER_ONLY = 0o600
SUPPORTED_PYTHON = ((3, 11), (3, 13))
MINIMUM_FREE_BYTES = 2 * 1024**3
# 1.12 of dbt and 2.1 of SQLAlchemy break what is built on them; the rest is pip's business.
PINNED = {"dbt-core": "1.11.", "duckdb": "2.0.", "dagster": "1.13.", "great-expectations": "1.24."}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Return what was found, the good and the bad, in the order in which a run needs it."""
    checks: tuple[Callable[[Settings], list[Finding]], ...] = (
        _python,
        _packages,
        _zones,
        _company,
        _registers,
        _paths,
        _home_version,
        _dagster_home,
        _dagster_storage,
    )
    findings: list[Finding] = []
    for check in checks:
        findings += check(settings)
        if not findings[-1].ok and check is _company:
            # Everything after it needs the company.
            break
    return findings


def prepare_home(settings: Settings, *, choose: bool = False) -> list[Path]:
    """Write what a run and `dagster dev` need, where it is missing or stale.

    Parameters
    ----------
    settings : Settings
        Company and home.
    choose : bool
        Make it the company that `dagster dev` shows. Dagster takes `.env` of the checkout over
        the shell's variables, so the company is chosen there and nowhere else; a run leaves the
        choice alone.

    Returns
    -------
    list of Path
        The files that were written: `.env` and `dagster.yaml` of the company's Dagster home.
    """
    wanted = {settings.dagster_home / "dagster.yaml": _dagster_yaml(settings)}
    if choose:
        lines = [f"{name}={value}" for name, value in sorted(settings.environment().items())]
        wanted[settings.root / ".env"] = (
            "# Written by `steelyard doctor --prepare`; read by `dagster dev`.\n"
            + "\n".join(lines)
            + "\n"
        )
    written = []
    for path, text in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=OWNER_ONLY)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _dagster_yaml(settings: Settings) -> str:
    kind = "postgres" if settings.dagster_storage else "sqlite"
    places = {"dagster_home": settings.dagster_home, "signs_of_life": settings.signs_of_life}
    storage = Template((RESOURCES / f"storage.{kind}.yaml").read_text(encoding="utf-8"))
    template = Template(DAGSTER_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(storage=storage.substitute(places), **places)


def _python(_: Settings) -> list[Finding]:
    version = sys.version_info[:2]
    low, high = SUPPORTED_PYTHON
    return [
        Finding(
            f"Python {version[0]}.{version[1]}",
            low <= version <= high,
            f"Use Python {low[0]}.{low[1]} to {high[0]}.{high[1]}: `make env PYTHON=python3.12`.",
        )
    ]


def _packages(_: Settings) -> list[Finding]:
    findings = []
    for name, prefix in PINNED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "missing"
        findings.append(Finding(f"{name} {version}", version.startswith(prefix), "Run `make env`."))
    return findings


def _zones(_: Settings) -> list[Finding]:
    known = len(zoneinfo.available_timezones())
    return [Finding(f"{known} time zones", known > 0, "Install tzdata: `make env` does it.")]


def _company(settings: Settings) -> list[Finding]:
    from orchestration.contracts.load import ContractError  # noqa: PLC0415

    try:
        company = settings.company
    except ContractError as error:
        return [Finding("Contracts and profiles", ok=False, remedy=str(error))]
    return [
        Finding(
            f"Company {company.name}: {len(company.feeds)} of {len(company.canonical)} feeds have "
            f"a profile, {len(company.facts.sites)} sites",
            ok=True,
        )
    ]


def _registers(settings: Settings) -> list[Finding]:
    from orchestration.registry.load import RegisterError, load_registers  # noqa: PLC0415

    try:
        registers = load_registers(settings.register_folders)
    except RegisterError as error:
        return [Finding("Registers", ok=False, remedy=str(error))]
    return [
        Finding(
            f"Registers: {len(registers.kpis)} KPIs, {len(registers.measures)} measures, "
            f"{len(registers.scorecards)} scorecard templates",
            ok=True,
        )
    ]


def _paths(settings: Settings) -> list[Finding]:
    home = settings.company_home
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    return [
        Finding(
            f"Home {home} can be written",
            os.access(home, os.W_OK),
            f"Give this user the right to write {home}, or set STEELYARD_HOME.",
        ),
        Finding(
            f"{free / 1024**3:.0f} GiB free",
            free > MINIMUM_FREE_BYTES,
            "Free some space, or set STEELYARD_HOME to another disk.",
        ),
        Finding(
            f"Landing folder {settings.landing}",
            settings.landing.is_dir(),
            "Run `steelyard demo`."
            if settings.company.name == "demo"
            else "Name the folder with the deliveries: --landing DIR or STEELYARD_LANDING.",
        ),
    ]


def _home_version(settings: Settings) -> list[Finding]:
    from orchestration.resources.home import (  # noqa: PLC0415 (DuckDB)
        HOME_VERSION,
        HomeVersionError,
        home_version,
        older_logs,
    )
    from orchestration.resources.warehouse import Warehouse, WarehouseBusyError  # noqa: PLC0415

    home = settings.company_home
    warehouse = Warehouse(home, wait_seconds=0)
    if not warehouse.path.is_file():
        return [Finding("Nothing has been loaded yet", ok=True)]
    what = f"Home of version {home_version(home)}"
    if home_version(home) == HOME_VERSION:
        return [Finding(what, ok=True)]
    try:
        with warehouse.connect("steelyard doctor") as con:
            older_logs(con, home)
    except (HomeVersionError, WarehouseBusyError) as error:
        return [Finding(what, ok=False, remedy=str(error))]
    return [Finding(f"{what}; the next run brings it up to {HOME_VERSION}", ok=True)]


def _dagster_home(settings: Settings) -> list[Finding]:
    file = settings.dagster_home / "dagster.yaml"
    named = settings.named_dagster_home
    findings = [
        Finding(
            f"Dagster's configuration {file}",
            file.is_file() and file.read_text(encoding="utf-8") == _dagster_yaml(settings),
            "Run `steelyard doctor --prepare`; without it Dagster has no pool and no history.",
        )
    ]
    if named is not None:
        findings.append(
            Finding(
                f"DAGSTER_HOME {named}",
                named == settings.dagster_home.resolve(),
                f"Set DAGSTER_HOME={settings.dagster_home}, so that UI and CLI see the same runs.",
            )
        )
    return findings


def _dagster_storage(settings: Settings) -> list[Finding]:
    if settings.dagster_storage is None:
        return [Finding("Dagster keeps its history in SQLite", ok=True)]
    from sqlalchemy import create_engine, make_url  # noqa: PLC0415
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    url = make_url(settings.dagster_storage)
    engine = create_engine(url, connect_args={"connect_timeout": STORAGE_SECONDS})
    try:
        with engine.connect():
            remedy = ""
    except OperationalError as error:
        remedy = f"Start Postgres or correct STEELYARD_DAGSTER_STORAGE: {error.orig}"
    finally:
        engine.dispose()
    return [
        Finding(
            f"Dagster keeps its history in Postgres, {url.render_as_string(hide_password=True)}",
            not remedy,
            remedy,
        )
    ]
