"""What a command is started with: words and variables that would break it before it begins."""

from collections.abc import Mapping, MutableMapping

from synthcli.errors import SynthError

WIDTHS = range(20, 1_001)  # of a terminal; what says another size is no size
SIZES = ("COLUMNS", "LINES")
LARGEST_SEED = 2**63 - 1  # what every generator takes
RANK, WORLD_SIZE = "RANK", "WORLD_SIZE"
NUMBERS = (RANK, WORLD_SIZE, "LOCAL_RANK", "LOCAL_WORLD_SIZE")
MEETING = ("MASTER_ADDR", "MASTER_PORT")  # where the processes of a launcher meet
IN_PROCESSES = ("train", "finetune")  # verbs that several processes carry out together
UNSET = "unset `RANK`, `WORLD_SIZE`, `LOCAL_RANK` and `LOCAL_WORLD_SIZE`: launchers of processes set them all"


def drop_odd_sizes(variables: MutableMapping[str, str]) -> None:
    """Forget a size of the terminal that is none: rich takes it at its word."""
    for name in SIZES:
        if name in variables and _read_digits(variables[name]) not in WIDTHS:
            del variables[name]


def columns_of(variables: Mapping[str, str]) -> int | None:
    """Return how many columns `COLUMNS` says there are; None where it says nothing, or no width."""
    said = _read_digits(variables.get("COLUMNS", ""))
    return said if said in WIDTHS else None


def refuse_words(words: list[str]) -> None:
    """Refuse an argument that is not UTF-8: neither JSON nor TOML could keep it."""
    for number, word in enumerate(words, start=1):
        if not is_text(word):
            hint = "rename what it names, or reach it by a link whose name is UTF-8"
            raise SynthError(f"argument {number}, `{word}`, is not UTF-8", hint)


def is_text(word: str) -> bool:
    """Whether a word of the command line, or a name of a file, was UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in word)


def refuse_ranks(variables: Mapping[str, str], words: list[str]) -> None:
    """Refuse variables of a launcher that were left over, or that do not fit together.

    One process of several is silent and writes nothing: a stray `RANK` would make nothing of any command.
    """
    values = {}
    for name in NUMBERS:
        if name in variables:
            values[name] = value = _read_digits(variables[name])
            if value is None or (name in (WORLD_SIZE, "LOCAL_WORLD_SIZE") and value < 1):
                raise SynthError(f"`{name}` is `{variables[name]}`, expected a whole number", UNSET)
    rank, size = values.get(RANK) or 0, values.get(WORLD_SIZE) or 1
    if rank >= size:
        raise SynthError(f"`{RANK}` is {rank}, and `{WORLD_SIZE}` is {size}: ranks start at 0", UNSET)
    if size == 1:
        return
    verb = next((word for word in words if not word.startswith("-")), "")
    if verb not in IN_PROCESSES:
        message = f"`synth {verb}` works in one process, and `{WORLD_SIZE}` is {size}"
        raise SynthError(message, UNSET)
    if missing := [name for name in (RANK, *MEETING) if name not in variables]:
        raise SynthError(f"`{WORLD_SIZE}` is {size}, and there is no `{missing[0]}`", UNSET)


def _read_digits(text: str) -> int | None:
    """Return what a short run of ASCII digits says."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
