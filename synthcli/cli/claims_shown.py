"""What `synth claims` prints: a claim for a sceptic, what a budget buys, the ledger."""

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from synthcli.cli import screen

if TYPE_CHECKING:
    from synthcli.claims.files import Named
    from synthcli.claims.schema import Scale
    from synthcli.jobs.ledger.claim_budget import TestChoice
    from synthcli.jobs.ledger.claim_tests import ClaimTest
    from synthcli.jobs.ledger.files import WrittenLedger
    from synthcli.jobs.ledger.ledger import Ledger


def show_claim(named: "Named") -> None:
    """Print all that is known of a claim."""
    claim = named.claim
    screen.data(f"{named.id}\n\n{claim.says}\n")
    facts = {
        "kind": claim.kind,
        "where": f"{claim.where} ({claim.source})",
        "printed": claim.printed,
        "seeds of it": str(claim.printed_seeds or "not said"),
        "protocol": claim.protocol,
        "not ours": claim.differs,
        "seen in": claim.seen,
        "second source": claim.second or "none",
        "rule": _rule(named),
        "note": claim.note,
    }
    for name, value in facts.items():
        if value:
            screen.data(f"{name + ':':15}{value}")
    for name, word in claim.arms.items():
        screen.data(f"{'arm:':15}{name} = {word}")
    screen.data("")
    for line in _scale_lines(named):
        screen.data(line)
    screen.say(f"next: `synth claims run {named.id} --scale smoke`, `synth claims run {named.id} --plan`")


def _rule(named: "Named") -> str:
    """Return what has to come out, in figures."""
    table = named.claim.model_dump(exclude_defaults=True)
    keys = (
        "measure",
        "value",
        "within",
        "spread",
        "low",
        "high",
        "order",
        "by",
        "margin",
        "ends_below",
        "ends_above",
    )
    return ", ".join(f"{key} {table[key]}" for key in keys if key in table)


def _scale_lines(named: "Named") -> Iterator[str]:
    """Yield for each scale how the claim is tested there, or why it is not."""
    from synthcli.claims.schema import SCALES
    from synthcli.jobs.ledger.claim_tests import find_test, reason_against
    from synthcli.jobs.ledger.verdicts import words_of_hours

    for scale in SCALES:
        test = find_test(named, scale, 0, None)
        if test is None:
            yield f"{scale + ':':15}not tested: {reason_against(named, scale)}"
        elif named.claim.is_counted:
            yield f"{scale + ':':15}counted"
        else:
            equal = f", equal {' and '.join(test.setup.equal)}" if test.quantity else ""
            yield f"{scale + ':':15}{test.setup.seeds} seeds{equal}, about {words_of_hours(test.cost, scale)}"
            if test.quantity is not None:
                yield f"{'':15}{compare_command(test)}"
            if test.setup.note:
                yield f"{'':15}{test.setup.note}"


def compare_command(test: "ClaimTest") -> str:
    """Return the `synth compare` that makes the same runs."""
    words = {**test.named.claim.arms, **test.setup.arms}
    arms = [f"{name}={word}" for name, word in words.items()]
    sets = [word for setting in test.setup.settings for word in ("--set", setting)]
    ends = ["--seeds", str(test.setup.seeds), "--metric", test.measure]
    return shlex.join(["synth", "compare", *arms, "--scale", test.scale, *sets, *ends])


def show_choice(ledger: "Ledger", as_json: bool) -> None:
    """Print what would be tested, what it takes, and what a budget leaves out."""
    choice, scale = ledger.choice, ledger.config.scale
    if as_json:
        table = {
            "tests": {one.named.id: one.cost for one in choice.tests},
            "left": {one.named.id: one.cost for one in choice.left},
            "hours": choice.hours,
            "missing": len(ledger.waiting),
        }
        return screen.data(json.dumps(table, indent=2))
    exact = sum(one.named.claim.is_exact for one in choice.tests)
    rows = [
        [one.named.id, one.measure, str(one.setup.seeds), ", ".join(one.arms), f"{one.cost:.2g}"]
        for one in choice.tests
        if not one.named.claim.is_exact
    ]
    screen.table("Tests", ["claim", "measure", "seeds", "arms", "hours"], rows, frozenset({2, 4}))
    screen.say(
        f"{exact} claims are counted, {len(rows)} tested by {len(ledger.waiting)} works that are missing"
    )
    screen.say(f"about {_hours(choice.hours, scale)}")
    return _say_left(choice, scale)


def show_ledger(written: "WrittenLedger", choice: "TestChoice | None", as_json: bool) -> None:
    """Print the verdicts that were reached, and how many there are of each."""
    from synthcli.jobs.ledger.report import describe_found, sentence

    if as_json:
        return screen.data(json.dumps(written.report, indent=2, ensure_ascii=False))
    shown = [*written.report["claims"], *written.report["controls"]]
    rows = [[one["id"], one["verdict"], describe_found(one)] for one in shown if one["word"] != "not run"]
    screen.table("Ledger", ["claim", "verdict", "found"], rows)
    screen.say(sentence(written.report))
    if choice is not None:
        _say_left(choice, written.report["scale"])
    return screen.say(f"wrote `{written.path}`, its `.md` and its `.html`")


def _say_left(choice: "TestChoice", scale: "Scale | None") -> None:
    """Say what a budget leaves out."""
    if choice.left:
        hours = _hours(sum(one.cost for one in choice.left), scale)
        names = ", ".join(one.named.id for one in choice.left)
        screen.say(f"left out, about {hours} more: {names}")


def _hours(hours: float, scale: "Scale | None") -> str:
    from synthcli.jobs.ledger.verdicts import words_of_hours

    return words_of_hours(hours, scale)
