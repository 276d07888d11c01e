"""Runs a command that prints a secret, and ends it together with its children.

The command has a session of its own, so that whatever it starts can be ended with it: at its end, when its time is up,
and on Ctrl-C or SIGTERM. A process that leaves that session on purpose, as an agent does, is not its child any more.
Must not keep what is printed nor write it down.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from conformance.model.errors import SecretError
from conformance.traffic.interruption import interruptible, raise_if_requested


@dataclass(slots=True)
class SecretCommand:
    """A program with its arguments, run in a folder; `name` is how messages call it.

    It gets so many `seconds`, and may print `limit` bytes.
    """

    argv: Sequence[str]
    folder: Path
    name: str
    seconds: float
    limit: int
    _begun: threading.Event = field(default_factory=threading.Event)
    _process: "subprocess.Popen[bytes] | None" = None
    _trouble: Exception | None = None
    _printed: bytes = b""

    def run(self) -> bytes:
        """Return what the program prints; raises SecretError where that does not come about.

        There is no shell, so that nothing in an argument means anything to one.
        """
        # A thread reads, since no other way to read a pipe within a time limit works on every system. It starts the
        # process too: no signal comes there, between the start and the moment from which on the process is known.
        reader = threading.Thread(target=self._read, name="secret", daemon=True)
        deadline = time.monotonic() + self.seconds
        with interruptible():
            try:
                reader.start()
                reader.join(self.seconds)
                status = self._status(deadline)
            finally:
                self._end()
            raise_if_requested()
        if reader.is_alive() or status is None:
            raise SecretError(
                f"the command {self.name} did not end within {self.seconds:g} s; "
                "let it print the secret without asking anything"
            )
        self._check(status)
        return self._printed

    def _read(self) -> None:
        """Start the process and read what it prints.

        The pipe is closed here, because a process that left the session may hold the other end for longer than allowed.
        """
        try:
            # Both its complaints and its questions may hold the secret, so neither reaches the terminal.
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command, which is what was asked for
                self.argv,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._trouble = error
            return
        finally:
            self._begun.set()
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - asked for above
        with pipe:
            self._printed = pipe.read(self.limit + 1)

    def _status(self, deadline: float) -> int | None:
        """Return the exit status of the process, 0 where it prints too much to be waited for; None: it goes on."""
        if self._process is None or len(self._printed) > self.limit:
            return 0
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(max(deadline - time.monotonic(), 0.1))
        return None

    def _end(self) -> None:
        """Kill what the command has started, and the command itself."""
        self._begun.wait(1)
        process = self._process
        if process is None:
            return
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):  # all have ended
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # no effect on a process that has ended
        process.wait()

    def _check(self, status: int) -> None:
        """Raise SecretError where the program could not be run, printed too much, or ended badly."""
        name = self.name
        match self._trouble:
            case None:
                pass
            case FileNotFoundError():
                raise SecretError(
                    f"there is no program {name}; install it or correct the path"
                )
            case OSError() as error:
                raise SecretError(
                    f"the command {name} cannot be run: {error.strerror}; correct it"
                )
            case _:  # a NUL or a lone surrogate
                raise SecretError(
                    f"the command {name} cannot be run: no argument may have such characters; correct them"
                )
        if len(self._printed) > self.limit:
            raise SecretError(
                f"the command {name} prints over {self.limit} bytes; let it print the secret alone"
            )
        if status:
            raise SecretError(
                f"the command {name} {_ending(status)}; run it by hand to see why"
            )


def _ending(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    return f"was ended by signal {-status}"
