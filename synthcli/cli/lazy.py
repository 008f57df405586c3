"""Commands that are imported when they are called: `synth --help` imports none of them."""

from functools import cached_property
from pkgutil import resolve_name
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_group


class LazyCommand(TyperCommand):
    """A name and a line of help; once called, what stands at `place`, as `train:train`, in `synthcli.cli`."""

    def __init__(self, name: str, place: str, panel: str, summary: str) -> None:
        super().__init__(name, help=summary, rich_help_panel=panel)
        self.place = place

    @cached_property
    def command(self) -> Any:
        """The command itself: of a function, or of the `typer.Typer` of several."""
        found = resolve_name(f"synthcli.cli.{self.place}")
        parent = typer.Typer(rich_markup_mode="markdown")
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=self.name)
        else:
            parent.command(self.name)(found)
        return get_group(parent).commands[str(self.name)]

    @property
    def commands(self) -> dict[str, Any]:
        """The commands below this one, none where it is one itself."""
        return getattr(self.command, "commands", {})

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Parse words as the command itself does, which the context then names."""
        return self.command.make_context(*args, **settings)
