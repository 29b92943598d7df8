"""What the commands of `steelyard` share: options, where they print, and how one fails."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from orchestration.resources.disk import full_disk_sentence, is_full_disk
from orchestration.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

out = Console()
console = Console(stderr=True)

CompanyOption = Annotated[
    str | None,
    typer.Option("--company", help="A shipped company, or the folder of your own. Default: demo."),
]
LandingOption = Annotated[
    Path | None,
    typer.Option("--landing", help="Folder with the delivered files. Default: the home's inbox."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]


def chosen_settings(company: str | None, landing: Path | None = None) -> Settings:
    """Return the settings of the environment with what a command's options say."""
    return Settings.from_environment().with_choices(company=company, landing=landing)


def failure(error: str | BaseException) -> typer.Exit:
    """Say in one sentence what went wrong; a full disk, which has many names, always the same."""
    home = Settings.from_environment().home
    full = isinstance(error, BaseException) and is_full_disk(error, home)
    console.print("[bold red]Error:[/]", end=" ")
    # A sentence may hold brackets; they are no markup.
    console.print(
        full_disk_sentence(home) if full else str(error),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return typer.Exit(1)


@contextmanager
def failing_plainly(*errors: type[Exception]) -> Iterator[None]:
    """Turn what is known to go wrong into one sentence and exit code 1."""
    try:
        yield
    except errors as error:
        raise failure(error) from error
