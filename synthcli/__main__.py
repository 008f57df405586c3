"""The entry point of `synth`: runs a command, shows a user's mistake as one message with a hint."""

import os
import sys

from synthcli.errors import SynthError

# Read when torch loads. Threads of GNU OpenMP spin for milliseconds after every operation: where another
# program shares the cores, small models train ten times slower than with threads that soon give way.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code."""
    from synthcli.allocator import keep_freed_memory
    from synthcli.cli import app
    from synthcli.cli.screen import err

    keep_freed_memory()
    try:
        app()
    except SynthError as error:
        err.print(f"[bold red]error:[/] {escape(error.message)}", soft_wrap=True)
        if error.hint:
            err.print(f"[bold]hint:[/] {escape(error.hint)}", soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def escape(text: str) -> str:
    """Keep square brackets of a message from being read as styles."""
    from rich.markup import escape as rich_escape

    return rich_escape(text)


if __name__ == "__main__":
    main()
