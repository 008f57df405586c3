"""Launch processes that train nothing, a word each: `python -m tests.cli.launch_fakes FOLDER WORD...`."""

import sys

import typer

from synthcli.cli import processes
from synthcli.errors import SynthError

if __name__ == "__main__":
    processes.RANK = "tests.cli.fake_rank"
    processes.SECONDS_TO_END = 0.5
    try:
        processes.launch(len(sys.argv) - 2, lambda setting: f"{setting} go on".strip())
    except SynthError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except typer.Exit as end:
        sys.exit(end.exit_code)
