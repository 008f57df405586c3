"""Which ids are pad, bos, eos, unk and mask: what the files name, else BERT's and GPT-2's usual tokens.

A role that has no token has that of its nearest relative.
"""

from typing import TYPE_CHECKING

from synthcli.data.tokenizers.published.added import DEFAULTS, END_OF_TEXT, list_named
from synthcli.data.tokenizers.published.pipelines import content
from synthcli.data.tokenizers.published.settings import BERT, CONFIG, Settings
from synthcli.errors import SynthError

if TYPE_CHECKING:
    import tokenizers

ROLES = ("pad", "bos", "eos", "unk", "mask")
# what stands in for a role that a publisher gave no token, in order
INSTEAD = {"bos": ("cls", "eos"), "eos": ("sep", "bos"), "pad": ("eos", "sep"), "unk": ("eos", "pad")}
ENDS = ("bos", "eos", "cls", "sep")


def find_special_ids(model: "tokenizers.Tokenizer", settings: Settings) -> dict[str, int]:
    """Return the id of every role."""
    tokens = list_named(settings)
    named = {role: _id(model, tokens.get(f"{role}_token")) for role in (*ROLES, "cls", "sep")}
    for key, usual in DEFAULTS[BERT].items():
        if key not in settings.values and (number := model.token_to_id(usual)) is not None:
            role = key.removesuffix("_token")
            named[role] = number if named[role] is None else named[role]
    if all(named[role] is None for role in ENDS):
        named["eos"] = model.token_to_id(END_OF_TEXT)
    ids = {role: _resolve(role, named) for role in ROLES}
    if missing := [role for role in ROLES[:4] if ids[role] is None]:
        words = ", ".join(f"`{role}_token`" for role in missing)
        raise SynthError(f"the tokenizer in `{settings.folder}` names no {words}", f"set it in `{CONFIG}`")
    return {role: number for role, number in ids.items() if number is not None}


def _id(model: "tokenizers.Tokenizer", token: object) -> int | None:
    text = content(token)
    return None if text is None else model.token_to_id(text)


def _resolve(role: str, named: dict[str, int | None]) -> int | None:
    """Return a role's own id, or that of what stands in for it, one step on at most twice."""
    nearest = INSTEAD.get(role, ())
    further = (name for relative in nearest for name in INSTEAD.get(relative, ()))
    for name in (role, *nearest, *further):
        if named.get(name) is not None:
            return named[name]
    return None
