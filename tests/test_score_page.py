"""docs/score.md holds the tables of the data, and its words about them hold."""

from tests.score_page import PAGE, build_tables, place_tables, read_values

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_data() -> None:
    assert place_tables(TEXT) == TEXT, "`python -m tests.score_page` writes them"
    assert all("\n".join(lines) in TEXT for lines in build_tables().values())


def test_the_differences_that_it_tells_are_those_of_the_records() -> None:
    captions = {name: float(value) for name, value in read_values("multi30k").items()}
    near = [captions[name] for name in ("bleu-13a", "bleu-intl", "bleu-tokenised", "bleu-compound")]
    assert f"{max(near) - min(near):.2f}" == "0.06" and "lie within 0.06 of each other" in TEXT
    assert f"{captions['bleu-13a'] - captions['bleu-none']:.1f}" == "1.3" and "BLEU is 1.3 lower" in TEXT
    news = {name: float(value) for name, value in read_values("newstest2014-copied-source").items()}
    assert f"{news['bleu-compound'] - news['bleu-tokenised']:.2f}" == "0.25"
    assert "split compounds add 0.25 to 2.41" in TEXT and news["bleu-tokenised"] == 2.41
