"""Options in the name of a corpus: `csv:text=review,label=mood,classes=bad+good`.

They stand in the name so that stores, runs and presets say how the rows were read.
"""

from collections.abc import Mapping

from synthcli.errors import SynthError, did_you_mean

FORBIDDEN = set('/\\"\n\0')  # in names of folders, or of presets


def options_of(name: str, allowed: Mapping[str, str]) -> dict[str, str]:
    """Return the options that follow the colon of a name; `allowed` says what each of them means."""
    base, _, written = name.partition(":")
    options: dict[str, str] = {}
    for part in written.split(",") if written else ():
        key, _, value = part.partition("=")
        if key not in allowed:
            raise SynthError(f"`{base}` has no option `{key}` in `{name}`", did_you_mean(key, allowed))
        if not value or key in options or FORBIDDEN & set(value):
            what = "twice" if key in options else f"as `{value}`" if value else "without a value"
            raise SynthError(f"`{name}` gives `{key}` {what}", f"expected {written_as(base, allowed)}")
        options[key] = value
    return options


def written_as(base: str, allowed: Mapping[str, str]) -> str:
    """Return how options are written, for hints."""
    return (
        f"`{base}:{','.join(f'{key}={meaning}' for key, meaning in allowed.items())}`, each of them optional"
    )


def one_of(name: str, options: Mapping[str, str], key: str, values: tuple[str, ...]) -> str:
    """Return the value of an option that has few; the first is the default."""
    value = options.get(key, values[0])
    if value not in values:
        allowed = ", ".join(f"`{one}`" for one in values)
        raise SynthError(f"`{name}` gives `{key}` as `{value}`", f"expected one of {allowed}")
    return value
