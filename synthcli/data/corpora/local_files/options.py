"""Options in the name of a corpus: `csv:text=review,label=mood,classes=bad+good`.

They stand in the name so that stores, runs and presets say how the rows were read. What holds one of `,+"`
stands in double quotes, and a quote within them twice: `csv:text="what, in your words?"`.
"""

import re
from collections.abc import Mapping

from synthcli.errors import SynthError, did_you_mean

TOKEN = re.compile(r'(?:(?<=[,=+])|^)"(?:[^"]|"")*"(?=[,+]|$)|.', re.DOTALL)
SPECIAL = re.compile(r'[,+"]|^\s|\s$')


def parse_name_options(name: str, allowed: Mapping[str, str]) -> dict[str, str]:
    """Return the options that follow the colon of a name, as written; `allowed` says what each means."""
    base, _, written = name.partition(":")
    options: dict[str, str] = {}
    for part in split_at(",", written) if written else ():
        key, _, value = part.partition("=")
        if key not in allowed:
            hint = did_you_mean(key, allowed)
            if options:
                hint = f"put a value that holds a comma in double quotes; of options, {hint}"
            raise SynthError(f"`{base}` has no option `{key}` in `{name}`", hint)
        if not value or key in options or "\0" in value:
            what = "twice" if key in options else "with a NUL byte" if value else "without a value"
            raise SynthError(f"`{name}` gives `{key}` {what}", f"expected {show_options(base, allowed)}")
        options[key] = value
    return options


def split_at(mark: str, written: str) -> list[str]:
    """Split at a mark that stands outside of quotes."""
    parts = [""]
    for token in TOKEN.findall(written):
        if token == mark:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def unquote(value: str) -> str:
    """Return what a value stands for."""
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1].replace('""', '"') if is_quoted else value


def quote(value: str) -> str:
    """Return a value as it is written in a name."""
    return '"{}"'.format(value.replace('"', '""')) if SPECIAL.search(value) else value


def with_options(name: str, **changed: str | None) -> str:
    """Return the name of a corpus with other values of some options; None leaves one out."""
    base, _, written = name.partition(":")
    pairs = [part.partition("=") for part in split_at(",", written)] if written else []
    options = {key: value for key, _, value in pairs}
    options |= {key: quote(value) for key, value in changed.items() if value is not None}
    kept = [f"{key}={value}" for key, value in options.items() if changed.get(key, "") is not None]
    return f"{base}:{','.join(kept)}" if kept else base


def show_options(base: str, allowed: Mapping[str, str]) -> str:
    """Return how options are written, for hints."""
    return (
        f"`{base}:{','.join(f'{key}={meaning}' for key, meaning in allowed.items())}`, each of them optional"
    )


def choose_value(name: str, options: Mapping[str, str], key: str, values: tuple[str, ...]) -> str:
    """Return the value of an option that has few; the first is the default."""
    value = options.get(key, values[0])
    if value not in values:
        allowed = ", ".join(f"`{one}`" for one in values)
        raise SynthError(f"`{name}` gives `{key}` as `{value}`", f"expected one of {allowed}")
    return value
