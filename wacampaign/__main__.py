"""`wacampaign` and `python -m wacampaign`."""

from __future__ import annotations


def main() -> None:
    """Runs the command line and leaves the process with its exit code."""
    import gc

    # Imports make no garbage, and looking for it among them takes a tenth of a second.
    gc.disable()
    from wacampaign.cli.app import app

    gc.freeze()
    gc.enable()
    app(prog_name="wacampaign")


if __name__ == "__main__":
    main()
