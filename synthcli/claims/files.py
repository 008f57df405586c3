"""Where claims stand: `presets/<family>/claims.toml`, one file a paper."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from synthcli.claims.schema import Claim
from synthcli.errors import SynthError, did_you_mean
from synthcli.presets.files import CLAIMS, library_folder, read_toml

ADAPTER: TypeAdapter[Claim] = TypeAdapter(Claim)
CONTROLS = "controls"  # what every ledger must come to: nothing where nothing is, and a false claim refused


@dataclass(frozen=True)
class Named:
    """A claim by its id, `<family>/<name>`."""

    id: str
    claim: Claim

    @property
    def is_control(self) -> bool:
        return self.claim.source == "control"

    @property
    def family(self) -> str:
        return self.id.partition("/")[0]


@cache
def all_claims() -> Mapping[str, Named]:
    """Return every claim of the library by its id, the controls last."""
    files = library_folder().glob(f"*/{CLAIMS}")
    in_order = sorted(files, key=lambda path: (path.parent.name == CONTROLS, path))
    return {one.id: one for path in in_order for one in read_claims(path)}


def read_claims(path: Path) -> Iterator[Named]:
    """Yield the claims of a file; SynthError names the claim and the key that is wrong."""
    for name, table in read_toml(path).items():
        own = f"{path.parent.name}/{name}"
        try:
            yield Named(own, ADAPTER.validate_python(table, strict=False))
        except ValidationError as error:
            raise SynthError(f"claim `{own}`: {_first(error)}", f"correct `{path}`") from None


def find_claims(ids: Sequence[str], family: str | None = None) -> list[Named]:
    """Return claims by id, or all; an id may be that of a family too, or a file of claims of one's own."""
    own = [one for word in ids if word.endswith(".toml") for one in read_claims(Path(word).absolute())]
    ids = [word for word in ids if not word.endswith(".toml")]
    if own and not ids:
        return own
    known = {own: one for own, one in all_claims().items() if one.family != CONTROLS}
    families = dict.fromkeys(one.family for one in known.values())
    if family is not None and family not in families:
        raise SynthError(f"no family of claims is called `{family}`", did_you_mean(family, families))
    for word in ids:
        if word not in all_claims() and word not in families:
            raise SynthError(f"no claim is called `{word}`", _suggest_claim(word, known))
    asked = all_claims() if ids else known
    chosen = [one for name, one in asked.items() if not ids or name in ids or one.family in ids]
    return [*own, *(one for one in chosen if family is None or one.family == family)]


def _suggest_claim(word: str, known: Mapping[str, Named]) -> str:
    nearest = did_you_mean(word, known)
    return nearest if nearest.startswith("did") else "`synth claims ls` lists them"


def _first(error: ValidationError) -> str:
    """Return the first thing that is wrong, with its key."""
    one = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in one["loc"][1:])
    return f"`{key}`: {one['msg']}" if key else one["msg"]
