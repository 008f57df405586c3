"""Where an experiment was published."""

from synthcli.config import Config


class Paper(Config):
    """Where an experiment was published; `table`, `figure` and `row` only where they are known.

    `url` stands in for `arxiv` where a report never went there.
    """

    name: str
    arxiv: str | None = None
    url: str | None = None
    table: str | None = None
    figure: str | None = None
    row: str | None = None
