"""`synth` whose processes of a training may fail: `python -m tests.ranks.command WORDS...`."""

from synthcli.__main__ import main
from synthcli.cli import processes

if __name__ == "__main__":
    processes.RANK = "tests.ranks.rank"
    main()
