"""What presets, corpora and results say stands in a card as words: no tag, link, heading or fact of them."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from torch import nn

from synthcli.exporters.export_bundle import CardFacts, ExportBundle, Metric
from synthcli.exporters.hugging_face.card import write_card
from synthcli.exporters.markdown import code, plain, write_link
from tests.compress.small import bert_config

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://evil/x.png)",
    "[click](javascript:alert(1))",
    "a\n\n# A heading\n\n- a list",
    "a\n---\nlicense: mit\n---\n",
    "```\ncode",
    "`` ` ``",
    "a | b | c",
    "*bold* __bold__ ~~gone~~ \\*",
    "# heading",
    "1. list",
    "> quoted",
    "===",
    "&lt;b&gt; &amp; <b>",
    "<!-- hidden -->",
    "\x1b[2J\u202e red",
    "](http://evil)",
    "{{template}} {% x %} ${x}",
    ": yaml",
    "- x: !!python/object/apply:os.system [id]",
]


class Tags(HTMLParser):
    """Collects the elements of a page, the addresses they lead to, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attributes if key in ("href", "src")]

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_data(self, data: str) -> None:
        self.words += data


def page(text: str) -> Tags:
    """Return a page as a renderer of CommonMark with tables and raw HTML shows it."""
    return Tags(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_shown_as_it_is(text: str) -> None:
    """Rendered, the very words come back, in one paragraph and in no element of their own."""
    shown = page(plain(text))
    assert shown.tags == ["p"]
    assert words(shown.words) == words(text).replace("\x1b", "\\u001b").replace("\u202e", "\\u202e")


@pytest.mark.parametrize("text", [*HOSTILE, "", "`", "a`b``c"])
def test_code_is_shown_as_it_is(text: str) -> None:
    shown = page(f"x {code(text)} y")
    assert shown.tags == ["p", "code"]
    assert words(shown.words) == words(f"x {text} y".replace("\x1b", "\\u001b").replace("\u202e", "\\u202e"))


@pytest.mark.parametrize(
    ("address", "led_to"),
    [
        ("https://arxiv.org/abs/2005.00743", ["https://arxiv.org/abs/2005.00743"]),
        ("http://x/a b(c)", ["http://x/a%20b%28c%29"]),
        ("http://x/)<script>", ["http://x/%29%3Cscript%3E"]),
        ("javascript:alert(1)", []),
        ("data:text/html,x", []),
        ("//evil", []),
        ("http:///x", []),
        ("http://[x", []),
        ("", []),
    ],
)
def test_a_link_leads_to_the_web_or_nowhere(address: str, led_to: list[str]) -> None:
    shown = page(write_link("a [title]", address))
    assert (shown.addresses, shown.words.strip()) == (led_to, "a [title]")


def card_of(text: str, folder: Path) -> str:
    """Write a card in which a text stands at every place that a file can fill."""
    metric = Metric(text, 12.5, (12.0, 13.0), text, text, text, text, 10, 20, {})
    facts = CardFacts(
        synth="0",
        parameters=10,
        trained_parameters=10,
        step=1,
        title=text,
        corpus=text,
        corpus_title=text,
        corpus_url=text,
        corpus_licence=text,
        paper=text,
        paper_url=text,
        metrics=(metric,),
        notes=(f"See {plain(text)}.",),
    )
    config = bert_config(60)
    bundle = ExportBundle(text, config, nn.Module(), None, facts)
    write_card(bundle, folder, "masked-lm", "AutoModelForMaskedLM", False, ())
    return (folder / "README.md").read_text()


def facts_of(card: str) -> tuple[dict[str, Any], str]:
    """Return the facts that the hub reads, and the page after them, as its library takes them apart."""
    found = re.search(r"^(\s*---[\r\n]+)([\S\s]*?)([\r\n]+---(\r\n|\r|\n|$))", card)
    assert found is not None
    return yaml.safe_load(found[2]), card[found.end() :]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_card_of_hostile_words(text: str, tmp_path: Path) -> None:
    """The same facts, headings, tables and links as with harmless words."""
    facts, shown = facts_of(card_of(text, tmp_path))
    wanted, harmless = facts_of(card_of("harmless", tmp_path))
    assert page(shown).tags == page(harmless).tags
    assert page(shown).addresses == []
    assert facts.keys() == wanted.keys() and facts["license"] == "other"
    assert len(facts["model-index"]) == 1 and "\n" not in facts["model-index"][0]["name"]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", card_of(text, tmp_path))
