"""Commands are imported when they are run: the help of all commands imports none of them."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module, resources
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

_PACKAGE: Final = "wacampaign.cli.commands"


class Listed(NamedTuple):
    """One line of the program's help, and where the command is."""

    name: str
    heading: str
    #: A module of `cli/commands`, and the function or the group of commands (`app`) in it.
    place: str


class Commands(Mapping[str, Any]):
    """Commands by name, in the order of the help.

    A module may say with `COMMAND_CLASS` that Typer's own command does not do for it.
    """

    def __init__(self, listed: Sequence[Listed]) -> None:
        self._places = {line.name: line.place for line in listed}

    def __getitem__(self, name: str) -> Any:
        return _load(name, self._places[name])

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class LazyGroup(TyperGroup):
    """A group whose commands are those `listed`, shown under their headings."""

    listed: Sequence[Listed] = ()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if self.listed:
            self.commands = Commands(self.listed)  # type: ignore[assignment]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Writes the list of commands without importing them."""
        widest = max((len(line.name) for line in self.listed), default=0)
        room = formatter.width - 4 - widest
        for heading in dict.fromkeys(line.heading for line in self.listed):
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (line.name.ljust(widest), _summary(line, room))
                        for line in self.listed
                        if line.heading == heading
                    ]
                )


@cache
def _load(name: str, place: str) -> Any:
    module_name, _, attribute = place.partition(":")
    module = import_module(f"{_PACKAGE}.{module_name}")
    command = getattr(module, attribute)
    holder = typer.Typer(rich_markup_mode=None)
    if isinstance(command, typer.Typer):
        holder.add_typer(command, name=name)
    else:
        holder.command(name, cls=getattr(module, "COMMAND_CLASS", None))(command)
    return get_group(holder).commands[name]


def _summary(line: Listed, room: int) -> str:
    """The beginning of a command's help, read from its module's text."""
    module_name, _, attribute = line.place.partition(":")
    source = (resources.files(_PACKAGE) / f"{module_name}.py").read_text(encoding="utf-8")
    text = None
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == attribute:
            text = ast.get_docstring(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == attribute:
            assert isinstance(node.value, ast.Call)
            given = {keyword.arg: keyword.value for keyword in node.value.keywords}
            text = ast.literal_eval(given["help"])
    return TyperCommand(line.name, help=text).get_short_help_str(room)
