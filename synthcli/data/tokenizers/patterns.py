"""What a `tokenizer.json` may ask for: no expression that searches for ever, no replacement that grows so.

Oniguruma, the tokenizers library's engine, backtracks: where a text can be read in many ways, it tries them
all. The ways multiply where a repeated group holds a choice, `(a+)+`, `(a|b)*`, and with every repetition
that stands before something that has to match, `a*a*c`. Published tokenizers have one such repetition at
most: time is then the square of a run of like characters, at worst. So the expression alone decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from synthcli.errors import SynthError

MOST_REPETITIONS = 1  # before something that has to match
MANY = 100  # times, which count as without a bound
MOST_CHOICES = 10  # of any kind in one alternative: 2^10 ways at most
MOST_GROWTH = 1_000  # characters that one may become
LONGEST_WORD = 10_000  # of WordPiece, whose time grows with its square
LONGEST_EXPRESSION = 100_000
DEEPEST = 50  # groups within groups
UNBOUNDED = 10**9


class RunawayError(ValueError):
    """An expression, or a replacement, that may take for ever."""


def refuse_runaway(description: dict[str, object]) -> None:
    """Raise for a description of a tokenizer that can take for ever, or all memory, on a short text."""
    for expression in _expressions_in(description):
        refuse_expression(expression)
    for part in ("normalizer", "decoder"):
        growth = 1
        for content in _replacements_in(description.get(part)):
            growth *= max(1, len(content))
        if growth > MOST_GROWTH:
            raise RunawayError(f"its `{part}` makes {growth:,} characters of one")
    model = description.get("model")
    longest = model.get("max_input_chars_per_word") if isinstance(model, dict) else None
    if isinstance(longest, int) and longest > LONGEST_WORD:
        raise RunawayError(f"`max_input_chars_per_word` is {longest:,}, allowed: at most {LONGEST_WORD:,}")


@contextmanager
def ends_named(longest: int) -> Iterator[None]:
    """Say where the engine gave up, which it does after ten million steps at one place of a text."""
    try:
        yield
    except BaseException as error:  # a panic of Rust is no Exception
        if type(error).__name__ != "PanicException":
            raise
        message = f"an expression of the tokenizer gave up on a text of {longest:,} characters"
        raise SynthError(message, "break the text into lines") from error


def _tables_in(value: object) -> Iterator[dict[str, object]]:
    """Yield every table of a description but its vocabulary."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting += [part for key, part in found.items() if key not in ("vocab", "merges")]
        elif isinstance(found, list):
            waiting += found


def _expressions_in(description: object) -> Iterator[str]:
    found = (table.get("Regex") for table in _tables_in(description))
    return (expression for expression in found if isinstance(expression, str))


def _replacements_in(part: object) -> Iterator[str]:
    found = (table.get("content") for table in _tables_in(part) if table.get("type") == "Replace")
    return (content for content in found if isinstance(content, str))


@dataclass(frozen=True)
class Ways:
    """In how many ways a part can be read: repetitions without a bound, and choices of any kind.

    `before` counts the repetitions that stand before what has to match; None where nothing has to.
    """

    repetitions: int = 0
    choices: int = 0
    before: int | None = None

    def then(self, other: "Ways") -> "Ways":
        """Return the ways of this part followed by another."""
        befores = [self.before, None if other.before is None else self.repetitions + other.before]
        return Ways(
            self.repetitions + other.repetitions,
            self.choices + other.choices,
            max((before for before in befores if before is not None), default=None),
        )


def refuse_expression(expression: str) -> None:
    """Raise for a regular expression that can take for ever on some text."""
    if len(expression) > LONGEST_EXPRESSION:
        raise RunawayError(f"it has an expression of {len(expression):,} characters")
    reader = Reader(expression)
    reader.alternatives(0)
    if reader.place < len(expression):
        raise RunawayError(f"the expression `{_shorten(expression)}` closes a group that it has not opened")


def _shorten(expression: str) -> str:
    return expression if len(expression) <= 80 else f"{expression[:79]}…"


class Reader:
    """Reads an expression of Oniguruma's once, from the left."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def refusal(self, why: str) -> RunawayError:
        return RunawayError(f"the expression `{_shorten(self.text)}` {why}: it may take for ever")

    def next_is(self, *starts: str) -> bool:
        return self.text.startswith(starts, self.place)

    def alternatives(self, depth: int) -> Ways:
        """Read up to the end of a group, or of all; return the ways of the worst alternative."""
        if depth > DEEPEST:
            raise self.refusal(f"nests groups deeper than {DEEPEST} levels")
        found = [self.sequence(depth)]
        while self.next_is("|"):
            self.place += 1
            found.append(self.sequence(depth))
        return Ways(
            max(one.repetitions for one in found),
            max(one.choices for one in found) + int(len(found) > 1 and depth > 0),
            max((one.before for one in found if one.before is not None), default=None),
        )

    def sequence(self, depth: int) -> Ways:
        ways = Ways()
        while self.place < len(self.text) and not self.next_is("|", ")"):
            ways = ways.then(self.piece(depth))
        if ways.before is not None and ways.before > MOST_REPETITIONS:
            raise self.refusal(f"has {ways.before} repetitions before what has to match")
        if ways.choices > MOST_CHOICES:
            raise self.refusal(f"has {ways.choices} choices in a row")
        return ways

    def piece(self, depth: int) -> Ways:
        """Read one character, class or group, and how often it comes."""
        inner = self.atom(depth)
        least, most = self.times()
        while (again := self.times()) != (1, 1):  # a repetition of a repetition, `a**`
            inner, least, most = Ways(int(most > MANY), 1, inner.before), *again
        if most > 1 and inner.choices:
            raise self.refusal("repeats what can be read in several ways")
        chosen = Ways(inner.repetitions, inner.choices, inner.before if least else None)
        return chosen if least == most else chosen.then(Ways(int(most > MANY), 1))

    def atom(self, depth: int) -> Ways:
        character = self.text[self.place]
        self.place += 1
        if character == "\\":
            self.escape()
        elif character == "[":
            self.character_class()
        elif character == "(":
            return self.group(depth)
        return Ways(before=0)

    def escape(self) -> None:
        kind = self.text[self.place : self.place + 1]
        if (kind.isdecimal() and kind != "0") or kind in ("k", "g"):
            raise self.refusal("refers back to what it has found")
        self.place += 1
        if kind in ("p", "P", "x", "o") and self.next_is("{"):
            self.place = (self.text.find("}", self.place) + 1) or len(self.text)

    def character_class(self) -> None:
        """Read a class, which may hold others: `[a-z&&[^aeiou]]`."""
        depth = 1
        if self.next_is("^"):
            self.place += 1
        if self.next_is("]"):
            self.place += 1
        while depth and self.place < len(self.text):
            character = self.text[self.place]
            self.place += 2 if character == "\\" else 1
            depth += {"[": 1, "]": -1}.get(character, 0)

    def group(self, depth: int) -> Ways:
        if self.next_is("?"):
            self.head()
        ways = self.alternatives(depth + 1)
        self.place += 1  # its end
        return ways

    def head(self) -> None:
        """Read what follows `(`: the kind of the group, its options or its name."""
        end = next((n for n in range(self.place, len(self.text)) if self.text[n] in ":=!>)"), len(self.text))
        if self.next_is("?(", "?~", "?#", "?{"):
            raise self.refusal("holds a condition, an absence, a comment or a call")
        self.place = end if self.text[end : end + 1] == ")" else end + 1
        if self.text[end - 1 : end + 1] in ("<=", "<!"):
            self.place = end + 1

    def times(self) -> tuple[int, int]:
        """Read a quantifier, with what makes it lazy or possessive; none is once."""
        found = {"*": (0, UNBOUNDED), "+": (1, UNBOUNDED), "?": (0, 1)}.get(
            self.text[self.place : self.place + 1]
        )
        if found:
            self.place += 1
        elif self.next_is("{"):
            found = self.interval()
        if found is None:
            return 1, 1
        if self.next_is("?", "+"):
            self.place += 1
        return found

    def interval(self) -> tuple[int, int] | None:
        """Read `{2}`, `{2,}`, `{,3}` or `{2,3}`; any other brace is a character."""
        end = self.text.find("}", self.place)
        least, comma, most = self.text[self.place + 1 : max(end, self.place)].partition(",")
        if end < 0 or not (least or most) or not all(part.isdecimal() for part in (least, most) if part):
            return None
        if max(len(least), len(most)) > 6:
            raise self.refusal("repeats a part more than a million times")
        self.place = end + 1
        low = int(least or 0)
        return low, (int(most) if most else UNBOUNDED) if comma else low
