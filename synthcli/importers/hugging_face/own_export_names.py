"""The names of our tensors in an exported folder with own code: the stack is `model`, a head beside it."""

# of each kind: how the names of our tensors begin, and how they begin in the folder; `model.` otherwise
CLASSIFIER = {"head.pooler.": "model.pooler.", "head.output.": "classifier."}
RENAMED: dict[str, dict[str, str]] = {
    "causal-lm": {"head.transform.": "model.transform.", "head.": "head."},
    "masked-lm": {"head.transform.": "transform.", "head.": "head."},
    "seq2seq": {"head.transform.": "model.transform.", "head.": "head."},
    "classification": CLASSIFIER,
    "choice": CLASSIFIER,
}
STACK = "model."


def export_name(name: str, kind: str) -> str:
    """Return the name in an exported folder of a tensor of ours."""
    for ours, theirs in RENAMED.get(kind, {}).items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return f"{STACK}{name}"


def possible_names(name: str, kind: str) -> tuple[str, ...]:
    """Return the names that a tensor of ours may have: as it is written now, as it was, and without a head.

    Folders of before put all of the model, its head too, into `model`; a class without a head saves the
    stack alone.
    """
    now = export_name(name, kind)
    return now, f"{STACK}{name}", now.removeprefix(STACK)
