"""The options of `synth score`, in their groups."""

from pathlib import Path
from typing import Annotated

import typer

from synthcli.cli.completion import (
    LOG_BASES,
    ROUGE_TOKENIZERS,
    SCORE_TASKS,
    complete_protocols,
    join_or,
    make_completer,
)
from synthcli.cli.panels import COUNTS, PROTOCOL, RESULT, TEXT

MOST = 10**15  # what a double counts one by one

OutputsFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="OUTPUTS",
        help="What a system wrote: a text a line, or lines of JSON as `synth eval` keeps them (.jsonl).",
        show_default="none: counts are given",
    ),
]
ScoreTask = Annotated[
    str,
    typer.Option(
        "--task",
        metavar="TASK",
        help=f"{join_or(SCORE_TASKS)}.",
        rich_help_panel=TEXT,
        autocompletion=make_completer(SCORE_TASKS),
    ),
]
References = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="What the lines are compared with; once for each of several references.",
        rich_help_panel=TEXT,
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="What parts the sentences of a summary's line, such as `<q>`.",
        rich_help_panel=TEXT,
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        help="Make tokens as Moses does of de, en, fr, …; by sacremoses.",
        rich_help_panel=TEXT,
    ),
]
IsTokenised = Annotated[
    bool,
    typer.Option("--tokenised", help="Texts are tokens between white space already.", rich_help_panel=TEXT),
]
Positive = Annotated[
    str | None,
    typer.Option(metavar="CLASS", help="The class that f1 is of.", rich_help_panel=TEXT),
]
Protocols = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        metavar="NAME",
        help="Only this one; may be given several times.",
        show_default="all that can be computed",
        rich_help_panel=PROTOCOL,
        autocompletion=make_completer(complete_protocols),
    ),
]
ScoreRougeTokenizer = Annotated[
    str,
    typer.Option(
        "--rouge-tokenizer",
        help="Of rouge-score: ascii, which keeps a to z alone, or unicode.",
        rich_help_panel=PROTOCOL,
        autocompletion=make_completer(ROUGE_TOKENIZERS),
    ),
]
RougeData = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="The folder `data` of ROUGE-1.5.5, whose exceptions `-m` needs.",
        rich_help_panel=PROTOCOL,
    ),
]
Nats = Annotated[
    float | None,
    typer.Option(min=0, help="Sum of −log p over the whole text, in nats.", rich_help_panel=COUNTS),
]
Tokens = Annotated[
    int | None,
    typer.Option(min=1, max=MOST, help="Targets whose −log p were summed.", rich_help_panel=COUNTS),
]
Words = Annotated[
    int | None,
    typer.Option(min=1, max=MOST, help="Words of the text, ends of rows apart.", rich_help_panel=COUNTS),
]
Bytes = Annotated[
    int | None,
    typer.Option("--bytes", min=1, max=MOST, help="Bytes of it, ends of rows apart.", rich_help_panel=COUNTS),
]
Ends = Annotated[
    int | None, typer.Option(min=0, max=MOST, help="Ends of rows that the nats hold.", rich_help_panel=COUNTS)
]
CountedText = Annotated[
    Path | None,
    typer.Option(
        "--text",
        metavar="FILE",
        help="The text itself, to count words, bytes and rows.",
        rich_help_panel=COUNTS,
    ),
]
LogBase = Annotated[
    str,
    typer.Option(
        help="Of the file's logarithms: e, 2 or 10.",
        rich_help_panel=COUNTS,
        autocompletion=make_completer(LOG_BASES),
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=RESULT)]
