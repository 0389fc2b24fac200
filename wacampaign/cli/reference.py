"""Prints the help of all commands as Markdown: `python -m wacampaign.cli.reference`.

`docs/reference/commands.md` is this output; a test compares the two.
"""

from collections.abc import Iterator
from typing import Any, Final

import typer
from typer.main import get_command

from wacampaign.cli.app import app

#: Columns, whatever the terminal of the person who makes the page.
_WIDTH: Final = 88
_HEAD: Final = """\
# Commands

<!-- Made by `python -m wacampaign.cli.reference`: edit the docstrings and options instead. -->

stdout carries data, stderr everything else. `--json` prints objects with `"schema_version": 1`,
and errors as JSON on stderr. What changes something prints one object at its end: `changed`,
`dry_run`, `plan` (`steps`: how many of what go from what to what; null: there was nothing to do),
what was done, and `next`, the command to run then.

Exit codes: 0 done, 1 unexpected error, 2 usage, 3 a finding, 4 access refused, 5 no such campaign,
6 refused, 69 database or Cloud API unreachable, 75 busy, 78 configuration, 130 Ctrl-C.
"""


def helps() -> Iterator[tuple[str, str]]:
    """Every command that a person can run with its help, in the help's order."""
    yield from _walk("wacampaign", get_command(app))


def markdown() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(f"## {path}\n\n```\n{text}\n```\n" for path, text in helps())])


def _walk(path: str, command: Any) -> Iterator[tuple[str, str]]:
    inner = getattr(command, "commands", None)
    if inner is not None and command.invoke_without_command:
        yield _help(path, command)
    if inner is not None:
        for name, subcommand in inner.items():
            if not subcommand.hidden:
                yield from _walk(f"{path} {name}", subcommand)
        return
    yield _help(path, command)


def _help(path: str, command: Any) -> tuple[str, str]:
    context = typer.Context(
        command, info_name=path, terminal_width=_WIDTH, help_option_names=["-h", "--help"]
    )
    return path, command.get_help(context).rstrip()


if __name__ == "__main__":
    print(markdown(), end="")
