"""`mimo keys`: keys with limits and budgets, in the store that servers read. A change takes effect within a second."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mimo.cli.options import ConfigFile, GroupedCommand, with_options
from mimo.cli.store import WHERE, store_of
from mimo.config import load_settings, model_rows

app = typer.Typer(
    name="keys", help="Keys with limits and budgets; servers take them at once.", rich_markup_mode=None,
    no_args_is_help=True,
)  # fmt: skip
Name = Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON. [default: off]")]


@with_options(*WHERE)
def add(
    name: Name,
    *,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Its account, whose keys share limits. [default: NAME]"),
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="LIST", help="Models it may use, comma-separated. [default: all]")
    ] = None,
    rpm: Annotated[
        int | None, typer.Option(metavar="INT", help="Requests a minute of each model. [default: the account's]")
    ] = None,
    tpm: Annotated[
        int | None, typer.Option(metavar="INT", help="Tokens a minute of each model. [default: the account's]")
    ] = None,
    budget: Annotated[float | None, typer.Option(metavar="USD", help="Dollars it may spend. [default: no end]")] = None,
    reset: Annotated[
        str | None,
        typer.Option(metavar="PERIOD", help="Fill the budget again daily, weekly or monthly, UTC. [default: never]"),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="12h, 30d, 4w, a day or a time in ISO 8601. [default: never]")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="It may read everybody's usage. [default: off]")] = False,
    config: ConfigFile = None,
    **given: Any,
) -> None:
    """Make a key and print it, once: nobody can read it again."""
    from mimo.accounts.manage import Wanted
    from mimo.accounts.manage import add as made

    settings = load_settings(given, file=config)
    scope = _scope(models)
    wanted = Wanted(name, account, scope, rpm, tpm, budget, reset, expires, admin)
    store = store_of(settings)
    key, secret = made(store, wanted, list(model_rows(settings)))
    print(secret)
    said = f"{key.name} of the account {key.account}, in {store.where}; the key is not shown again"
    Console(stderr=True, highlight=False, markup=False).print(said)


@with_options(*WHERE)
def listing(*, json_: AsJson = False, config: ConfigFile = None, **given: Any) -> None:
    """Show all keys, revoked ones too."""
    from mimo.accounts.ask import describe_key
    from mimo.accounts.manage import listed
    from mimo.accounts.prices import dollars
    from mimo.accounts.span import shown

    keys = listed(store_of(load_settings(given, file=config)))
    if json_:
        return print(json.dumps([describe_key(key) for key in keys], indent=2))
    table = Table("name", "account", "key", "models", "rpm", "tpm", "budget", "ends", box=None, padding=(0, 2, 0, 0))
    for key in keys:
        budget = "" if key.budget is None else f"{dollars(key.budget)}{f' {key.reset}' if key.reset else ''}"
        ends = f"revoked {shown(key.revoked)}" if key.revoked else shown(key.expires)
        limits = (str(limit or "") for limit in (key.requests_per_minute, key.tokens_per_minute))
        table.add_row(key.name, key.account, key.shown, ", ".join(key.models), *limits, budget, ends)
    Console(highlight=False, markup=False).print(table)


@with_options(*WHERE)
def show(name: Name, *, config: ConfigFile = None, **given: Any) -> None:
    """Show one key as JSON: its limits, what is left of its budget, what it has used."""
    from mimo.accounts.ask import describe_key, describe_sum
    from mimo.accounts.manage import show as found
    from mimo.accounts.prices import dollars

    one = found(store_of(load_settings(given, file=config)), name)
    described = describe_key(one.key)
    if one.balance is not None and one.key.budget is not None:
        left = one.key.budget - one.balance.spent - one.balance.held
        described |= {"spent": dollars(one.balance.spent), "held": dollars(one.balance.held), "left": dollars(left)}
    described["usage"] = [describe_sum("model", row) for row in one.used]
    print(json.dumps(described, indent=2))


@with_options(*WHERE)
def revoke(name: Name, *, config: ConfigFile = None, **given: Any) -> None:
    """Let a key in no more. Answers that run go on; its usage stays in the ledger."""
    from mimo.accounts.manage import revoke as done

    done(store_of(load_settings(given, file=config)), name)
    print(f"{name} is revoked")


@with_options(*WHERE)
def rotate(
    name: Name,
    *,
    overlap: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Until when the old secret lets in too: 12h, 2d, a time. [default: not]"),
    ] = None,
    config: ConfigFile = None,
    **given: Any,
) -> None:
    """Give a key another secret and print it, once; without --overlap the old one is void within a second."""
    from mimo.accounts.manage import rotate as done

    print(done(store_of(load_settings(given, file=config)), name, overlap)[1])


@with_options(*WHERE)
def usage(
    name: Name,
    *,
    by: Annotated[str, typer.Option(metavar="day|model", help="What to sum by.")] = "day",
    config: ConfigFile = None,
    **given: Any,
) -> None:
    """Show what one key has used."""
    from mimo.cli.usage import show_usage

    show_usage(load_settings(given, file=config), by, key=name)


def _scope(models: str | None) -> tuple[str, ...]:
    """The models of a list, () for all. Raises `KeyProblem` for a list that names none: it would mean all of them."""
    from mimo.accounts.problem import KeyProblem

    scope = tuple(part.strip() for part in (models or "").split(",") if part.strip())
    if models is not None and not scope:
        raise KeyProblem(
            f"models must name at least one, comma-separated, got {models[:80]!r}; or leave it out for all"
        )
    return scope


for command, name in ((add, "add"), (listing, "list"), (show, "show"), (revoke, "revoke"), (rotate, "rotate")):
    app.command(name, cls=GroupedCommand)(command)
app.command("usage", cls=GroupedCommand)(usage)
