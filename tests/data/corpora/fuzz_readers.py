"""Mutate small sources of every reader and prepare them: each gives a store that verifies, or one message.

python -m tests.data.corpora.fuzz_readers --cases 500 --seed 0
"""

import argparse
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import open_store
from synthcli.errors import SynthError
from tests.data.corpora.mutations import MUTATIONS
from tests.data.corpora.reader_fixtures import FIXTURES
from tests.data.small import BYTES


@dataclass(frozen=True)
class Case:
    """One fixture and what is done to it; a pure function of its seed and number."""

    seed: int
    number: int

    @property
    def fixture(self) -> int:
        return self.number % len(FIXTURES)

    def outcome(self, folder: Path) -> str:
        """Return `store` or `refused`; raises AssertionError, or what a reader let through."""
        rng = random.Random(f"{self.seed} {self.number}")
        corpus, make = FIXTURES[self.fixture]
        source, root = make(folder / "source"), folder / "stores"
        for mutation in rng.sample(sorted(MUTATIONS), k=rng.choice((1, 1, 1, 2))):
            files = sorted(path for path in (folder / "source").rglob("*") if path.is_file())
            if files:
                MUTATIONS[mutation](rng.choice(files), rng)
        try:
            store = prepare_store(corpus, BYTES, root, source)
        except SynthError as error:
            check_refusal(error, root)
            return "refused"
        assert open_store(store.path).hash == store.hash
        assert all(store.rows(split) == len(store.split(split)) for split in store.splits)
        return "store"


def check_refusal(error: SynthError, root: Path) -> None:
    """Have a message of one line, a hint, the right exit code, and nothing left of a store."""
    assert error.exit_code == 2, error.message
    assert error.hint, error.message
    assert "\n" not in error.message, error.message
    assert len(error.message) < 1_000, error.message[:2_000]
    assert not root.exists(), sorted(root.rglob("*"))


def outcomes(cases: int, seed: int) -> Iterator[tuple[Case, str]]:
    """Yield what every case gave; a traceback is an outcome here."""
    for number in range(cases):
        case, folder = Case(seed, number), Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            yield case, case.outcome(folder)
        except Exception:
            yield case, traceback.format_exc()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    counts = Counter[str]()
    for case, outcome in outcomes(asked.cases, asked.seed):
        is_failure = outcome not in ("store", "refused")
        counts["failed" if is_failure else outcome] += 1
        if is_failure:
            corpus = FIXTURES[case.fixture][0]
            sys.stdout.write(f"case {case.number} of seed {case.seed}, {corpus}:\n{outcome}\n")
    report = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    sys.stdout.write(f"{report} of {asked.cases} cases\n")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
