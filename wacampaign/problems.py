"""Errors a person meets. The docstring is the message; `suggestion` is the next command."""

from typing import ClassVar


class Problem(Exception):  # noqa: N818 - these are reported to people, not raised as bugs
    """Something unexpected happened."""

    #: Exit code of the process, from the contract.
    exit_code: ClassVar[int] = 1
    #: Stable name in `--json` errors.
    code: ClassVar[str] = "unexpected"

    def __init__(self, message: str | None = None, suggestion: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())
        self.message: str = str(self.args[0])
        self.suggestion: str = suggestion or self.default_suggestion
        #: Whether anything was changed before the error.
        self.changed: bool = False
        #: Lines between message and suggestion, for people only.
        self.details: tuple[str, ...] = ()

    default_suggestion: ClassVar[str] = "wacampaign --help"


class Usage(Problem):
    """The command was called in a way it does not understand."""

    exit_code = 2
    code = "usage"


class AccessRefused(Problem):
    """The database or Meta refused the key or token."""

    exit_code = 4
    code = "access_refused"
    default_suggestion = "check SUPABASE_SERVICE_KEY, DATABASE_URL or META_ACCESS_TOKEN in .env"


class NoSuchCampaign(Problem):
    """There is no such campaign."""

    exit_code = 5
    code = "no_such_campaign"
    default_suggestion = "wacampaign list"


class Refused(Problem):
    """The campaign is in a state that does not allow this."""

    exit_code = 6
    code = "refused"
    default_suggestion = "wacampaign queue-stats"


class ConfirmationRequired(Refused):
    """This changes data and cannot ask, as there is no terminal. Nothing was changed."""

    code = "confirmation_required"
    default_suggestion = "run it again with --yes, or look first with --dry-run"


class Declined(Refused):
    """The question was not answered with yes: nothing was changed."""

    code = "declined"
    default_suggestion = "run it again and answer y, or look first with --dry-run"


class NotWritable(Usage):
    """A file that the command line names cannot be written."""

    # A usage error as Typer has it for a path: another name or place on the command line helps.
    code = "not_writable"


class NotTold(Problem):
    """What the command told could not be written."""

    code = "not_told"
    default_suggestion = "df -h    (is the disk full?)"


class Unreachable(Problem):
    """The database or the Cloud API cannot be reached."""

    exit_code = 69
    code = "unreachable"
    default_suggestion = "wacampaign doctor"


class Busy(Problem):
    """Somebody else is doing the same at this moment."""

    exit_code = 75
    code = "busy"
    default_suggestion = "run the same command again in a moment"


class Misconfigured(Problem):
    """A setting is missing or wrong."""

    exit_code = 78
    code = "configuration"
    default_suggestion = "compare your .env with .env.example"


class SchemaMissing(Misconfigured):
    """The database lacks wacampaign's tables or functions."""

    code = "schema_missing"
    default_suggestion = "wacampaign db migrate (or paste the output of `wacampaign db sql`)"
