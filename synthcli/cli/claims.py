"""`synth claims`: what the papers say, what tests it, and what came out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.compare_options import AsJson, Jobs, OnlyPlan
from synthcli.cli.completion import SCALES, list_claims, make_completer
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import same_command, tell_how_to_go_on
from synthcli.cli.panels import RESULT, SETTINGS, WORK
from synthcli.errors import Stopped, SynthError

if TYPE_CHECKING:
    from synthcli.claims.files import Named

app = typer.Typer(no_args_is_help=True, help="List the claims of the papers, test them, and give verdicts.")

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...",
        help="Claims, or families of them.",
        autocompletion=make_completer(list_claims),
        show_default=False,
    ),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="A claim.", autocompletion=make_completer(list_claims))]
Family = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Those of one paper: synthesizer, srupp, …", rich_help_panel=SETTINGS),
]
Kind = Annotated[str | None, typer.Option(metavar="KIND", help="value, count, ratio, ordering, …")]
Scale = Annotated[
    str,
    typer.Option(
        help="How large: smoke, hour, day or paper.",
        autocompletion=make_completer(SCALES),
        rich_help_panel=SETTINGS,
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="10m or 8h of this machine: what decides most surely comes first.",
        rich_help_panel=SETTINGS,
    ),
]
Seed = Annotated[
    int,
    typer.Option(min=0, metavar="N", help="The first seed of every arm.", rich_help_panel=SETTINGS),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="A folder with a folder for each corpus, as published.", rich_help_panel=WORK
    ),
]
Records = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Records that count, in its folders too.", rich_help_panel=WORK),
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Where the ledger goes.", rich_help_panel=RESULT),
]


@app.command("ls")
def list_them(ids: Ids = None, family: Family = None, kind: Kind = None, as_json: AsJson = False) -> None:
    """List claims: where each stands, what it says, and at which scales it can be tested.

    Examples:

    ```
    synth claims ls
    synth claims ls --family srupp --kind ordering
    ```
    """
    from synthcli.claims.files import find_claims

    chosen = [one for one in find_claims(ids or (), family) if kind in (None, one.claim.kind)]
    if as_json:
        return screen.data(json.dumps([_claim_table(one) for one in chosen], indent=2, ensure_ascii=False))
    rows = [
        [one.id, one.claim.kind, one.claim.where, one.claim.says, ", ".join(_scales(one))] for one in chosen
    ]
    screen.table(None, ["claim", "kind", "where", "it says", "tested at"], rows, least=(3,))
    return screen.say(f"{len(rows)} claims\nnext: `synth claims show ID`, `synth claims run --scale smoke`")


@app.command()
def show(claim: Id, as_json: AsJson = False) -> None:
    """Print a claim in full: where it was seen, its protocol, the arms, and what each scale can test.

    Example:

    ```
    synth claims show srupp/most-gain-from-few-layers
    ```
    """
    from synthcli.claims.files import all_claims, find_claims
    from synthcli.cli.claims_shown import show_claim

    find_claims([claim])
    if claim not in all_claims():
        raise SynthError(f"`{claim}` is a family of claims", f"`synth claims ls {claim}` lists them")
    named = all_claims()[claim]
    return (
        screen.data(json.dumps(_claim_table(named), indent=2, ensure_ascii=False))
        if as_json
        else show_claim(named)
    )


@app.command()
def run(
    ids: Ids = None,
    family: Family = None,
    scale: Scale = "smoke",
    budget: Budget = None,
    seed: Seed = 0,
    data: Data = None,
    records: Records = None,
    only_plan: OnlyPlan = False,
    jobs: Jobs = None,
    device: Device = "auto",
    output: Output = Path("reports"),
    as_json: AsJson = False,
) -> None:
    """Test claims at a scale, and write the ledger: a verdict by rule for each, with the scale in it.

    Controls are in every ledger: it fails where equal arms are told apart, or a planted false claim holds.
    What is done is kept, what was interrupted is resumed: give the same command again at any time.

    Examples:

    ```
    synth claims run --scale smoke
    synth claims run srupp --budget 10m
    synth claims run synthesizer --scale hour --data DIR --plan
    ```
    """
    from synthcli.cli.claims_shown import show_choice, show_ledger
    from synthcli.cli.reproducing_progress import ReproducingProgress
    from synthcli.jobs.ledger.claim_budget import parse_budget
    from synthcli.jobs.ledger.files import write_ledger
    from synthcli.jobs.ledger.ledger import LedgerConfig, find_scale, prepare
    from synthcli.jobs.ledger.ledger import run as run_ledger
    from synthcli.jobs.parallel.carry_out import default_jobs

    jobs = jobs or default_jobs()
    hours = None if budget is None else parse_budget(budget) * jobs
    config = LedgerConfig(
        tuple(ids or ()), family, find_scale(scale), hours, seed, data, records, same_command()
    )
    ledger = prepare(config, output)
    if ledger.without_text:
        names = ", ".join(one.named.id for one in ledger.without_text)
        screen.say(f"note: `{data}` holds no text for {names}")
    if only_plan:
        return show_choice(ledger, as_json)
    with (
        tell_how_to_go_on(lambda: Stopped("what is done is kept", same_command(), "goes on")),
        ReproducingProgress() as board,
    ):
        run_ledger(ledger, board, jobs)
    written = write_ledger(config, ledger.evidence, ledger.folder)
    show_ledger(written, ledger.choice, as_json)
    for failure in ledger.failures:
        screen.say(f"failed: {failure.part}: {failure.message}")
    _fail_loudly(written.failed_controls, bool(ledger.failures))
    return None


@app.command()
def report(
    ids: Ids = None,
    family: Family = None,
    seed: Seed = 0,
    records: Records = None,
    output: Output = Path("reports"),
    as_json: AsJson = False,
) -> None:
    """Write the ledger from records alone: every scale that they tell of; nothing is trained.

    Example:

    ```
    synth claims report --records docs/results/records -o docs/results
    ```
    """
    from synthcli.cli.claims_shown import show_ledger
    from synthcli.jobs.ledger.files import write_ledger
    from synthcli.jobs.ledger.ledger import LedgerConfig, read_evidence

    config = LedgerConfig(tuple(ids or ()), family, None, None, seed, None, records, same_command())
    written = write_ledger(config, read_evidence(config, output), output)
    show_ledger(written, None, as_json)
    _fail_loudly(written.failed_controls, False)


def _fail_loudly(controls: list[str], has_failures: bool) -> None:
    """End with 1 where a control came out wrong, or a run failed."""
    for line in controls:
        screen.say(f"control failed: {line}; no verdict of this ledger is to be believed")
    if controls or has_failures:
        raise typer.Exit(1)


def _claim_table(named: "Named") -> dict[str, object]:
    return {"id": named.id, **named.claim.model_dump(mode="json")}


def _scales(named: "Named") -> list[str]:
    """Return the scales that a claim is tested at below the paper's, or that it is counted."""
    return ["counted"] if named.claim.is_exact else [scale for scale in SCALES if scale in named.claim.at]
