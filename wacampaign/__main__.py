"""`wacampaign` and `python -m wacampaign`."""

from __future__ import annotations


def main() -> None:
    """Runs the command line and leaves the process with its exit code."""
    from wacampaign.cli.app import app

    app(prog_name="wacampaign")


if __name__ == "__main__":
    main()
