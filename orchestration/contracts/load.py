"""Read contracts, profiles and companies from YAML; a mistake is one clear sentence."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from orchestration.contracts.model import (
    Company,
    CompanyFacts,
    CompanyFeed,
    Constant,
    Contract,
    Dialect,
    Form,
    Profile,
    ProfileForm,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SHIPPED_ROOT = Path(__file__).resolve().parents[2]
DIALECTS = Path("expectations") / "dialects.yml"
# What every company delivers without a profile of its own.
SHIPPED_PROFILES = Path("expectations") / "profiles"

Model = TypeVar("Model", bound=BaseModel)


class ContractError(ValueError):
    """A declaration is wrong: which file, which key, what, and what to do."""


class _Yaml(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which only true and false are booleans and no key is given twice.

    YAML 1.1 reads the country code NO as false and lets the second of two equal keys win.
    """


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), ["t", "f"])


def _mapping(loader: _Yaml, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is given twice", key_node.start_mark
            )
        seen.add(key)
    mapping: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return mapping


_Yaml.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_contract(path: Path | str) -> Contract:
    """Return the contract in one YAML file.

    Raises
    ------
    ContractError
        If the file is missing, is no YAML, or declares something that cannot be.
    """
    path = Path(path)
    data = _read(path)
    data = data | {"dialect": _resolved_dialect(path, data.get("dialect") or {})}
    return _validated(Contract, data, path)


def load_contracts(folder: Path | str) -> dict[str, Contract]:
    """Return all contracts below a folder by feed name.

    Raises
    ------
    ContractError
        If one of them is wrong or two declare the same feed.
    """
    contracts: dict[str, Contract] = {}
    for path in sorted(Path(folder).rglob("*.yml")):
        if path.name == DIALECTS.name:
            continue
        contract = load_contract(path)
        if contract.feed in contracts:
            raise ContractError(
                f"{path}: feed: {contract.feed} is declared by another file too; keep one of them."
            )
        contracts[contract.feed] = contract
    return contracts


@functools.cache
def load_dialects(path: Path | str) -> dict[str, dict[str, Any]]:
    """Return the named dialects of a `dialects.yml`."""
    return _read(Path(path))


def load_company(name_or_path: str | Path, root: Path | str = SHIPPED_ROOT) -> Company:
    """Return a company with the effective contract of every file form it delivers.

    Parameters
    ----------
    name_or_path : str or Path
        A company under `seeds/companies/`, or a folder with `company.yml` and `expectations/`.
    root : Path
        The checkout that holds the standard catalogue.

    Raises
    ------
    ContractError
        If the company does not exist or one of its declarations is wrong.
    """
    root = Path(root)
    folder = Path(name_or_path)
    profiles = folder / "expectations"
    if not (folder / "company.yml").is_file():
        folder = root / "seeds" / "companies" / str(name_or_path)
        profiles = root / "expectations" / "companies" / str(name_or_path)
    if not (folder / "company.yml").is_file():
        known = sorted(path.parent.name for path in root.glob("seeds/companies/*/company.yml"))
        raise ContractError(
            f"{name_or_path}: there is no such company; name one of {', '.join(known) or 'none'} "
            "or a folder that holds company.yml."
        )
    facts = _validated(CompanyFacts, _read(folder / "company.yml"), folder / "company.yml")
    canonical = load_contracts(root / "expectations" / "feeds")
    if (profiles / "feeds").is_dir():
        canonical |= load_contracts(profiles / "feeds")
    feeds: dict[str, CompanyFeed] = {}
    for path in (
        *sorted((root / SHIPPED_PROFILES).glob("*.yml")),
        *sorted(profiles.glob("*.yml")),
    ):
        if path.name == DIALECTS.name:
            continue
        profile = _validated(Profile, _read(path), path)
        for name, feed in _profile_feeds(profile, canonical, path).items():
            feeds[name] = _merged(feeds.get(name), feed, path)
    return Company(facts=facts, folder=folder, feeds=feeds, canonical=canonical)


def _merged(first: CompanyFeed | None, second: CompanyFeed, path: Path) -> CompanyFeed:
    """Return one feed that several systems deliver, each in its own form."""
    if first is None:
        return second
    if "home" in {first.folder, second.folder}:
        raise ContractError(
            f"{path}: feeds.{second.contract.feed}: only the company's own ledger delivers this "
            "feed; remove it from the profile."
        )
    if first.select is not None or second.select is not None:
        raise ContractError(
            f"{path}: feeds.{second.contract.feed}: another profile delivers this feed too, and a "
            "SELECT cannot be joined with it; put both into one profile."
        )
    return CompanyFeed(
        contract=first.contract,
        source_system=first.source_system,
        forms=first.forms + second.forms,
    )


def _profile_feeds(
    profile: Profile, canonical: Mapping[str, Contract], path: Path
) -> dict[str, CompanyFeed]:
    sources: dict[str, Source] = {}
    for name, declared in profile.sources.items():
        data = {
            "feed": name,
            "system": profile.source_system,
            "domain": "production",
            "columns": declared.columns,
            **declared.model_dump(exclude={"forms", "columns"}, by_alias=True),
        }
        contract = _validated(Contract, data, path, f"sources.{name}")
        sources[name] = Source(
            name=name,
            contract=contract,
            forms=tuple(
                _form(profile, form, contract, path, f"sources.{name}.forms.{number}")
                for number, form in enumerate(declared.forms)
            ),
        )
    feeds = {}
    for name, feed in profile.feeds.items():
        if name not in canonical:
            raise ContractError(
                f"{path}: feeds.{name}: the catalogue has no such feed; use one of "
                f"{', '.join(sorted(canonical))}."
            )
        contract = canonical[name]
        changes: dict[str, Any] = {}
        if feed.delivery is not None:
            changes["delivery"] = feed.delivery
        if feed.time_zone is not None:
            changes["time_zone"] = feed.time_zone
        if feed.select is not None:
            changes["dialect"] = _dialect(
                path, {"timestamps": "either", "scientific": True, **feed.dialect}
            )
            changes["columns"] = {
                column: declared.model_copy(update={"codes": feed.codes.get(column, {})})
                for column, declared in contract.columns.items()
            }
        contract = contract.model_copy(update=changes) if changes else contract
        feeds[name] = CompanyFeed(
            contract=contract,
            source_system=profile.source_system,
            forms=tuple(
                _form(profile, form, contract, path, f"feeds.{name}") for form in feed.file_forms()
            ),
            sources={source: sources[source] for source in feed.from_},
            select=feed.select,
            folder=profile.folder,
        )
    return feeds


def _form(profile: Profile, form: ProfileForm, contract: Contract, path: Path, where: str) -> Form:
    """Lay a form's names, formats, codes and dialect over a contract."""
    for part in ("columns", "formats", "codes"):
        for name in getattr(form, part):
            if name not in contract.columns:
                raise ContractError(
                    f"{path}: {where}.{part}.{name}: the contract has no such column; it has "
                    f"{', '.join(contract.columns)}."
                )
    columns = {}
    for name, column in contract.columns.items():
        update: dict[str, Any] = {}
        delivered = form.columns.get(name)
        if isinstance(delivered, Constant):
            update |= {"is_constant": True, "constant": delivered.constant}
        elif delivered is not None:
            update["name_in_file"] = delivered
        if name in form.formats:
            update["format"] = form.formats[name]
        if name in form.codes:
            update["codes"] = form.codes[name]
        columns[name] = (
            _validated(type(column), column.model_dump() | update, path, f"{where}.columns.{name}")
            if update
            else column
        )
    effective = contract.model_copy(update={"columns": columns})
    if form.dialect:
        effective = effective.model_copy(update={"dialect": _dialect(path, form.dialect)})
    return Form(files=form.files, contract=effective, source_system=profile.source_system)


def _dialect(path: Path, data: dict[str, Any]) -> Dialect:
    return _validated(Dialect, _resolved_dialect(path, data), path, "dialect")


def _resolved_dialect(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return a dialect with the named one it uses filled in; what is written here wins."""
    if "use" not in data:
        return data
    file = next(
        (
            parent / DIALECTS.name
            for parent in path.resolve().parents
            if (parent / DIALECTS.name).is_file()
        ),
        SHIPPED_ROOT / DIALECTS,
    )
    named = load_dialects(file)
    if data["use"] not in named:
        shipped = load_dialects(SHIPPED_ROOT / DIALECTS)
        named = shipped | named
    if data["use"] not in named:
        raise ContractError(
            f"{path}: dialect.use: there is no dialect {data['use']!r}; use one of "
            f"{', '.join(sorted(named))} or write its settings here."
        )
    return named[data["use"]] | {key: value for key, value in data.items() if key != "use"}


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Yaml)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError as error:
        raise ContractError(f"{path}: the file does not exist; check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ContractError(f"{path}: this is no readable YAML ({reason}); correct it.") from error
    if not isinstance(data, dict):
        raise ContractError(f"{path}: the file holds no keys; write `key: value` lines.")
    return data


def _validated(model: type[Model], data: Any, path: Path, where: str = "") -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        keys = ".".join(str(part) for part in first["loc"])
        place = ".".join(part for part in (where, keys) if part) or "the whole"
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            what = "this key is unknown; correct its spelling or remove it"
        elif first["type"] == "missing":
            what = "this key is missing; add it"
        more = len(error.errors()) - 1
        also = f" ({more} more in this file)" if more else ""
        raise ContractError(f"{path}: {place}: {what}.{also}") from error
