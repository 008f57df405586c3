"""The presets of SRU++ and the model they are compared with: sizes, corpora, and vocabularies that are too small."""

import pytest

from synthcli.errors import SynthError
from synthcli.presets import load_preset


@pytest.mark.parametrize(
    ("size", "hint"),
    [
        (5012, "`--set model.embeddings.cutoffs='[4000]'`"),
        (900, "`--set model.embeddings.cutoffs='[]' --set model.embeddings.div_val=1`"),
    ],
)
def test_clusters_that_a_store_has_no_words_for(size: int, hint: str) -> None:
    experiment = load_preset("srupp-lm1b-base", "hour")
    with pytest.raises(SynthError) as caught:
        experiment.fitted(size)
    assert str(caught.value) == (
        f"`model.embeddings.cutoffs` = [4000, 16000], but the store's vocabulary ends at {size}\n"
        f"hint: name clusters it has: {hint}"
    )
    assert experiment.fitted(16_001).model.vocab_size == 16_001
