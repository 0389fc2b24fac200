"""`wacampaign` and `python -m wacampaign`."""

import os
import sys
import warnings


def main() -> None:
    """Runs the command line and leaves the process with its exit code."""
    open_closed_streams()
    # A second Ctrl-C ends the event loop at once, and with it what was about to begin.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    import gc

    # Imports make no garbage, and looking for it among them takes a tenth of a second.
    gc.disable()
    from wacampaign.cli.app import app

    gc.freeze()
    gc.enable()
    try:
        app(prog_name="wacampaign")
    finally:
        gc.freeze()  # nor is there a use for it in what ends with the process


def open_closed_streams() -> None:
    """Standard streams that are closed (`>&-`, some crons) lead nowhere, instead of to chance.

    Their descriptors would go to the next thing that is opened, such as the database's connection,
    and whatever writes to stderr would write into that.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            os.set_inheritable(descriptor, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


if __name__ == "__main__":
    main()
