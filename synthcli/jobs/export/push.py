"""Put a folder on the Hugging Face hub: what would go is known, and looked at, before anything is sent."""

import glob
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthcli.data.hub_access import is_offline
from synthcli.errors import SynthError, WorkFailedError
from synthcli.importers.safe_load import PICKLED
from synthcli.jobs.export.push_files import CARD, PARITY, WEIGHTS, LeftOut, PushFile, sort_out
from synthcli.safe_read import inside, read_json

EXPORT_AGAIN = "export the checkpoint again"
NAME = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")
TOKEN = "HF_TOKEN"


@dataclass(frozen=True)
class PushPlan:
    """What goes where."""

    folder: Path
    to: str
    private: bool
    files: tuple[PushFile, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def refuse_name(option: str, name: str) -> None:
    """Raise where `name`, given as `option`, cannot be an owner and a name on the hub."""
    if not NAME.match(name) or ".." in name or "--" in name or name.endswith((".git", "-", ".")):
        message = f"`{option} {name}` is not a name on the hub"
        raise SynthError(message, f"`{option} OWNER/NAME`, letters, digits, `-_.`")


def plan_push(folder: Path, to: str, private: bool = False) -> PushPlan:
    """Return what would be sent, and what is left out and why; needs no network."""
    refuse_name("--to", to)
    if not folder.is_dir():
        raise SynthError(f"there is no folder `{folder}`", "`synth export CHECKPOINT --to hf` makes one")
    files, left = sort_out(folder)
    refuse_unfit(folder, {file.name for file in files}, {one.name: one.why for one in left})
    return PushPlan(folder, to, private, files, left)


def refuse_unfit(folder: Path, names: set[str], left: Mapping[str, str]) -> None:
    """Refuse a folder without a card or weights, or whose parity failed."""
    export = "`synth export CHECKPOINT --to hf` writes a folder with all it needs"
    if CARD not in names:
        why = f", but it is {left[CARD]}" if CARD in left else ""
        raise SynthError(f"`{folder}` has no model card `{CARD}`{why}", export)
    if not (folder / CARD).read_bytes().startswith(b"---"):
        message = f"`{folder / CARD}` does not begin with `---` and facts for the hub: licence, data, metrics"
        raise SynthError(message, export)
    if PARITY in left:
        raise SynthError(f"`{folder / PARITY}` cannot be read: it is {left[PARITY]}", EXPORT_AGAIN)
    if not any(name.endswith(WEIGHTS) for name in names):
        reasons = [f"`{name}` is {why}" for name, why in left.items() if name.endswith((*WEIGHTS, *PICKLED))]
        raise SynthError(": ".join([f"`{folder}` holds no weights", *reasons[:1]]), export)
    refuse_failed_parity(folder)


def refuse_failed_parity(folder: Path) -> None:
    path = folder / PARITY
    if not path.is_file():
        return  # there is none
    try:
        report: object = read_json(inside(path, folder))
    except (OSError, ValueError) as error:
        raise SynthError(f"`{path}` cannot be read as JSON", EXPORT_AGAIN) from error
    if isinstance(report, dict) and report.get("holds", True) is not True:
        raise SynthError(f"`{path}` says that this export is not its checkpoint", "export it again")


def push(plan: PushPlan) -> str:
    """Send a folder and return its address; the token is the environment's, or the hub's login's."""
    if is_offline():
        hint = "unset `HF_HUB_OFFLINE`, or add `--dry-run`"
        raise SynthError("the environment says to stay offline", hint)
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if not token:
        raise SynthError(f"there is no token for the hub: `{TOKEN}` is not set", "set it, or `hf auth login`")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    with_reason(lambda: api.create_repo(plan.to, private=plan.private, exist_ok=True), plan)
    message = "Upload a model exported by synth"
    allowed = [glob.escape(file.name) for file in plan.files]
    with_reason(
        lambda: api.upload_folder(
            repo_id=plan.to, folder_path=plan.folder, commit_message=message, allow_patterns=allowed
        ),
        plan,
    )
    return f"{api.endpoint}/{plan.to}"


def with_reason(call: Callable[[], object], plan: PushPlan) -> None:
    """Run one request; whatever fails becomes one message."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        call()
    except HFValidationError as error:
        raise SynthError(f"`--to {plan.to}` is not a name on the hub", str(error)) from error
    except HfHubHTTPError as error:
        raise of_status(error, plan) from error
    except Exception as error:  # connections fail with the errors of whichever client is below
        message = f"the hub could not be reached: {type(error).__name__}"
        raise WorkFailedError(message, "check the network and `HTTPS_PROXY`, then push again") from error


def of_status(error: Exception, plan: PushPlan) -> SynthError:
    """Return what an answer of the hub means."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return SynthError("the hub does not accept the token", f"make a new one, and set `{TOKEN}`")
    if status == 403:
        return SynthError(f"the token may not write `{plan.to}`", "make one that may write there")
    if status == 404:
        return SynthError(f"the hub does not know `{plan.to.partition('/')[0]}`", "is the owner spelt right?")
    return WorkFailedError(
        f"the hub answered with {status}", "try again later; what was sent is not sent twice"
    )
