"""Entry point of the command and of `python -m conformance`; everything else lives in `conformance.cli`.

Nothing that takes time is loaded before Ctrl-C is looked after.
"""

import os

_INTERRUPTED = 130
"""Exit code of an interrupted command (interface, section 3)."""


def main() -> None:
    """Run the command line; Ctrl-C ends it with 130 at whatever moment it comes, without a traceback."""
    try:
        import signal  # noqa: PLC0415 - an interruption while it loads is handled here

        from conformance.cli import main as command_line  # noqa: PLC0415 - the same

        try:
            command_line()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # Python ends by the signal, and not with the exit code, where the last text that it ran was interrupted.
            exec("")  # noqa: S102 - an empty text, which is not
    except KeyboardInterrupt:
        try:
            os.write(2, b"interrupted\n")
        finally:
            os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
