"""Commands are imported when they are run: to parse a command line and to show help, none is.

A command's name, parameters and help are taken from its module's text, so the modules import at
their top whatever a run needs, and only a run waits for it.
"""

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
    #: Another name of a command that stands in the help already.
    is_alias: bool = False


class Commands(Mapping[str, Any]):
    """Commands by name, in the order of the help.

    A module may say with `COMMAND_CLASS` that Typer's own command does not do for it.
    """

    def __init__(self, listed: Sequence[Listed]) -> None:
        self._lines = {line.name: line for line in listed}

    def __getitem__(self, name: str) -> Any:
        return _load(self._lines[name])

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


class WholeGroup(TyperGroup):
    """A group whose list of commands is cut nowhere: each has its first sentence, on more lines."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the list of commands."""
        shown = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        _write_commands(
            formatter,
            "Commands",
            [(name, _first_sentence(one)) for name, one in shown if one and not one.hidden],
        )


class LazyGroup(WholeGroup):
    """A group whose commands are those `listed`, shown under their headings."""

    listed: Sequence[Listed] = ()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if self.listed:
            self.commands = Commands(self.listed)  # type: ignore[assignment]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Writes the list of commands without importing them."""
        shown = [line for line in self.listed if not line.is_alias]
        widest = max((len(line.name) for line in shown), default=0)
        for heading in dict.fromkeys(line.heading for line in shown):
            _write_commands(
                formatter,
                heading,
                [
                    (line.name.ljust(widest), _summary(line))
                    for line in shown
                    if line.heading == heading
                ],
            )


def _write_commands(formatter: Any, heading: str, lines: Sequence[tuple[str, str]]) -> None:
    with formatter.section(heading):
        formatter.write_dl(lines)


def _first_sentence(command: Any) -> str:
    """What a command does, whole."""
    return str(command.get_short_help_str(len(command.help or "") + 1))


@cache
def _load(line: Listed) -> Any:
    name = line.name
    module_name, _, attribute = line.place.partition(":")
    outline = _outline(module_name, attribute)
    command = outline[attribute]
    holder = typer.Typer(rich_markup_mode=None)
    if isinstance(command, typer.Typer):
        kind = outline.get("COMMAND_CLASS", WholeGroup)
        holder.add_typer(command, name=name, cls=kind)
    else:
        holder.command(name, cls=outline.get("COMMAND_CLASS"), hidden=line.is_alias)(command)
    return get_group(holder).commands[name]


def _outline(module_name: str, attribute: str) -> dict[str, Any]:
    """A command's module without what only a run needs; its commands call those of the module.

    Of its statements those are executed that bind a name which the parameters use, or which
    another of these statements uses.
    """

    def run(function: str, given: dict[str, Any]) -> None:
        getattr(import_module(f"{_PACKAGE}.{module_name}"), function)(**given)

    path, tree = _parsed(module_name)
    wanted = {attribute, "COMMAND_CLASS", "annotations"}  # the last is from `__future__`
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _is_command(node, attribute):
            wanted.add(node.name)
            node.body[1:] = ast.parse(f"run({node.name!r}, locals())").body  # after its docstring
    kept: set[ast.stmt] = set()
    while more := {node for node in tree.body if _bound(node) & wanted} - kept:
        kept |= more
        wanted.update(*map(_names, more))
    tree.body = [node for node in tree.body if node in kept]
    outline = {"__name__": f"{_PACKAGE}.{module_name}", "run": run}
    exec(compile(tree, path, "exec"), outline)
    return outline


def _is_command(function: ast.FunctionDef, attribute: str) -> bool:
    """Whether it is the one of this name, or one of the group of this name."""
    return function.name == attribute or any(
        attribute in _names(decorator) for decorator in function.decorator_list
    )


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement gives to what it makes or imports."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name for alias in names}
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def _parsed(module_name: str) -> tuple[str, ast.Module]:
    """A command's module: its path, and its text as a tree."""
    source = resources.files(_PACKAGE) / f"{module_name}.py"
    return str(source), ast.parse(source.read_text(encoding="utf-8"), str(source))


def _summary(line: Listed) -> str:
    """The beginning of a command's help, read from its module's text.

    Of a group: what it says of itself, or what its callback says, which runs without a command.
    """
    module_name, _, attribute = line.place.partition(":")
    text = None
    for node in _parsed(module_name)[1].body:
        if isinstance(node, ast.FunctionDef) and (
            node.name == attribute
            or any(ast.unparse(one) == f"{attribute}.callback()" for one in node.decorator_list)
        ):
            text = ast.get_docstring(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == attribute:
            assert isinstance(node.value, ast.Call)
            given = {keyword.arg: keyword.value for keyword in node.value.keywords}
            text = ast.literal_eval(given["help"]) if "help" in given else None
    return _first_sentence(TyperCommand(line.name, help=text))
