"""The claims of the library: complete, consistent, and of presets that there are."""

from collections import Counter
from pathlib import Path

import pytest

from synthcli.claims.files import Named, all_claims, find_claims, read_claims
from synthcli.claims.schema import SCALES, CountClaim, OrderingClaim, RatioClaim
from synthcli.compare.figures import QUANTITIES
from synthcli.errors import SynthError
from synthcli.jobs.ledger.claim_tests import find_test
from synthcli.jobs.ledger.measures import MEASURES
from synthcli.presets.files import preset_names

LEAST = {"synthesizer": 84, "simplified-blocks": 89, "srupp": 41, "bert-blocks": 8}  # rows of the four papers
SAID = 'says = "s"\nwhere = "w"\nseen = "s"'
DECISIVE = ("ordering", "equivalence", "ratio", "trajectory", "event")
CLAIMS = list(all_claims().values())
TESTED = [(one, scale) for one in CLAIMS for scale in ("smoke", "hour") if scale in one.claim.at]


def test_no_claim_of_a_paper_is_lost() -> None:
    """Differences of sizes, counts of our own and controls come on top."""
    own = Counter(one.family for one in CLAIMS if one.claim.source in {"paper", "repository", "replication"})
    for family, least in LEAST.items():
        assert own[family] >= least, family
    assert sum(LEAST.values()) == 222


def test_arms_are_presets_that_there_are() -> None:
    known = set(preset_names())
    words = {
        word.partition(":")[0]
        for one in CLAIMS
        for arms in (one.claim.arms, *(setup.arms for setup in one.claim.at.values()))
        for word in arms.values()
    }
    assert words - known == set()


@pytest.mark.parametrize("one", [one for one in CLAIMS if one.claim.kind in DECISIVE], ids=lambda one: one.id)
def test_each_scale_says_how_a_claim_is_tested_or_why_not(one: Named) -> None:
    if not one.claim.is_exact:
        for scale in ("smoke", "hour"):
            is_timed = getattr(one.claim, "measure", "") == "steps-per-second"
            assert scale in {*one.claim.at, *one.claim.cannot} or is_timed, scale


@pytest.mark.parametrize(("one", "scale"), TESTED, ids=lambda value: getattr(value, "id", value))
def test_a_test_resolves(one: Named, scale: str) -> None:
    test = find_test(one, next(known for known in SCALES if known == scale), 0, None)
    assert test is not None
    assert test.quantity is not None or test.own_measure is not None
    firsts = [arm.experiment(test.scale, test.setup.settings, 0) for arm in test.arms.values()]
    assert {one.scale for one in firsts} == {scale}
    if "steps" in test.setup.equal and test.quantity is not None:
        assert len({one.training.steps for one in firsts}) == 1
    assert test.cost > 0


def test_what_is_measured_is_known_where_it_is_tested() -> None:
    for one, _ in TESTED:
        assert getattr(one.claim, "measure", None) in {*QUANTITIES, *MEASURES}


def test_every_claim_says_where_it_was_seen() -> None:
    for one in CLAIMS:
        assert one.claim.seen and one.claim.where


def test_counts_and_ratios_are_of_as_many_arms_as_they_need() -> None:
    for one in CLAIMS:
        if isinstance(one.claim, CountClaim):
            assert len(one.claim.arms) in {1, 2}, one.id
        if isinstance(one.claim, RatioClaim):
            assert len(one.claim.arms) == 2 and one.claim.low < one.claim.high, one.id
        if isinstance(one.claim, OrderingClaim):
            assert (one.claim.kind == "ordering") == any(r.word == "better" for r in one.claim.relations)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SynthError, match="no claim is called `srupp/redme-enwik8-base`") as caught:
        find_claims(["srupp/redme-enwik8-base"])
    assert caught.value.hint == "did you mean `srupp/readme-enwik8-base`?"
    with pytest.raises(SynthError, match="no family of claims is called `sru`"):
        find_claims([], "sru")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "value"\nvalue = 1.0', "`value.says`|`says`"),
        (
            (
                'kind = "ordering"\nsays = "s"\nwhere = "w"\nseen = "s"\nmeasure = "bleu"\norder = "a > b"'
                '\narms = { a = "x" }'
            ),
            "none of `arms`",
        ),
        ('kind = "valu"', "valu"),
        ('kind = "count"\nsays = "s"\nwhere = "w"\nseen = "s"\nvalue = 1.0\nwithin = 0.0\nodd = 1', "odd"),
    ],
)
def test_a_mistake_in_a_file_names_the_claim(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine" / "claims.toml"
    path.parent.mkdir()
    path.write_text(f"[one]\n{text}\n")
    with pytest.raises(SynthError, match="claim `mine/one`") as caught:
        list(read_claims(path))
    assert any(part in caught.value.message for part in message.split("|"))
