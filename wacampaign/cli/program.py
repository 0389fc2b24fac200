"""The outermost layer: turns every end of a command into its exit code and error text."""

import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, Final

import typer
from typer.exceptions import TyperException

from wacampaign.cli.completion import ASKED, quoted_for_bash
from wacampaign.cli.gate import check_arrived, gated
from wacampaign.cli.loading import LazyGroup
from wacampaign.cli.output import FINDING, arrow, say, tell
from wacampaign.cli.plan import anything_changed
from wacampaign.core.masking import mask_secrets
from wacampaign.core.shown_text import json_text
from wacampaign.problems import NotTold, Problem, Usage

#: Set to anything to see where an unexpected error came from.
DEBUG_SETTING: Final = "WACAMPAIGN_DEBUG"
#: A day in a name, as 20261126 or 26112026: a phone number may have as many digits.
_DAY: Final = re.compile(
    r"(?<!\d)(?:20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])20\d\d)(?!\d)"
)
#: Characters of an id's first part.
_ID_DIGITS: Final = 8
#: As shells report a process that ended by SIGINT.
INTERRUPTED: Final = 130


class Program(LazyGroup):
    """The root command. Every error ends in one text, one suggestion and the contract's code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs one command line and leaves with its exit code; never returns."""
        if asked := os.environ.get(ASKED):
            answer = partial(
                super().main,
                *(args, prog_name, complete_var, standalone_mode, windows_expand_args),
                **extra,
            )
            # At Tab a word too few is better than a word too many on the line that is typed.
            silent = suppress(Exception) if asked.startswith("complete") else nullcontext()
            with gated(), silent:
                return quoted_for_bash(answer) if asked == "complete_bash" else answer()
            sys.exit(0)
        words = list(sys.argv[1:] if args is None else args) or ["--help"]
        with gated():
            code = self._run(words, prog_name or "wacampaign")
        sys.exit(code)

    def _run(self, words: list[str], prog_name: str) -> int:
        as_json = "--json" in words
        code = self._code(words, prog_name, as_json=as_json)
        try:
            if code in (0, FINDING):
                check_arrived()
        except NotTold as problem:
            if (changed := anything_changed()) is not None:
                problem.changed = changed
                problem.message += (
                    f". {'The change was made' if changed else 'Nothing was changed'}"
                )
            return report(problem, as_json=as_json, typed=words)
        return code

    def _code(self, words: list[str], prog_name: str, *, as_json: bool) -> int:
        try:
            try:
                with self.make_context(prog_name, list(words)) as context:
                    self.invoke(context)
            finally:
                sys.stdout.flush()
            return 0
        except typer.Exit as end:
            return end.exit_code
        except (KeyboardInterrupt, typer.Abort):
            return INTERRUPTED
        except TyperException as error:
            return report(_usage(error, prog_name), as_json=as_json, typed=words)
        except Problem as problem:
            return report(problem, as_json=as_json, typed=words)
        except Exception as error:
            if os.environ.get(DEBUG_SETTING):
                for line in mask_secrets(traceback.format_exc()).splitlines():
                    tell(line, stream=sys.stderr)
            return report(_unexpected(error), as_json=as_json)


def report(problem: Problem, *, as_json: bool, typed: Sequence[str] = ()) -> int:
    """Writes `problem` to stderr, as the contract's JSON object or as text; returns its code.

    Days in names that were `typed` stay, so that the suggestion can be typed as well; and eight
    digits alone, which are an id's beginning or a day.
    """
    own = [day for word in typed if any(map(str.isalpha, word)) for day in _DAY.findall(word)]
    own += [word for word in typed if len(word) == _ID_DIGITS and word.isdecimal()]
    message = mask_secrets(problem.message, ids=own)
    suggestion = mask_secrets(problem.suggestion, ids=own)
    if as_json:
        error = {
            "code": problem.code,
            "message": message,
            "suggestion": suggestion,
            "changed": problem.changed,
        }
        tell(json_text({"error": error}, ensure_ascii=True), stream=sys.stderr)
    else:
        say(f"error: {message}")
        for line in problem.details:
            say(mask_secrets(line, ids=own))
        say(f"{arrow(sys.stderr)} {suggestion}")
    return problem.exit_code


#: Names that people try, and what they mean by it: the likeness of letters misleads (`start`).
_MEANT: Final = {"ls": "list", "stats": "queue-stats", "log": "events", "history": "events"}


def _usage(error: TyperException, prog_name: str) -> Problem:
    context = getattr(error, "ctx", None)
    unknown = re.match(r"No such command '(\w+)'", error.format_message())
    if unknown is not None and unknown[1] in _MEANT and context and context.parent is None:
        meant = f"{prog_name} {_MEANT[unknown[1]]}"
        return Usage(f"No such command '{unknown[1]}'", meant)
    command = context.command_path if context is not None else prog_name
    # Of the library that reads values, for which each wrong one is an exception of Python's.
    message = error.format_message().replace("Value error, ", "").rstrip(".")
    return Usage(message, f"{command} --help")


def _unexpected(error: Exception) -> Problem:
    text = " ".join(str(error).split())
    return Problem(
        f"unexpected: {type(error).__name__}{': ' if text else ''}{text}",
        f"run it again with {DEBUG_SETTING}=1 to see where, and report that",
    )
