"""Which layer of a teacher each layer of a student stands for."""

from pathlib import Path
from typing import cast

from synthcli.compress.activations.hook_points import main_stack, stack_layers
from synthcli.compress.teacher import Teacher
from synthcli.errors import SynthError
from synthcli.jobs.compress.report_types import HealAccount
from synthcli.model import ModelConfig
from synthcli.runs import RESULT, Reference, run_of
from synthcli.safe_read import Shape, check_shape, read_table

DELETE = "delete it: layers are then matched by their number"
SHAPE: Shape = {"teacher?": (str, {"hash?": str, "path?": str}), "layers?": [int]}


def account_of(checkpoint: Path) -> HealAccount:
    """Return what the run of a student says of how it was made; nothing where there is none."""
    run = run_of(checkpoint)
    path = None if run is None else run.result_path(RESULT)
    if path is None or not path.is_file():
        return {}
    account = read_table(path, DELETE)
    try:
        check_shape(account, SHAPE)
    except ValueError as error:
        raise SynthError(f"`{path}` cannot be read: {error}", DELETE) from error
    return cast(HealAccount, account)


def is_of(account: HealAccount, teacher: Teacher) -> bool:
    """Whether an account is that of a student of this teacher."""
    own = Reference.parse(account.get("teacher", {}))
    return own.is_same(Reference.to(teacher.path).sha256, teacher.hash)


def match_layers(checkpoint: Path, config: ModelConfig, teacher: Teacher) -> tuple[int, ...] | None:
    """Return the teacher's layer of every layer of a student, or None where nobody can say.

    A student's own account comes first. Without one, equal depths match layer by layer, and a depth that
    divides the teacher's matches the last of every so many.
    """
    ours, theirs = (stack_layers(c, main_stack(c)) for c in (config, teacher.config))
    account = account_of(checkpoint)
    if "layers" in account and is_of(account, teacher):
        layers = tuple(account["layers"])
        if len(layers) != ours or not all(0 <= layer < theirs for layer in layers):
            said = f"the account of `{checkpoint}` names layers {list(layers)}"
            raise SynthError(f"{said} of {theirs}, expected one for each of {ours}", DELETE)
        return layers
    if theirs % ours:
        return None
    share = theirs // ours
    return tuple(share * (layer + 1) - 1 for layer in range(ours))
