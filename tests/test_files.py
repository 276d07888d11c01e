"""Tests of the one reader of files that others wrote: files only, up to a size, and never a wait."""

import os
import socket
from pathlib import Path

import pytest

from conformance.files.reading import UnreadableFileError, read_bounded


def _refusal(path: Path, largest: int = 10) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        read_bounded(path, largest)
    return caught.value.about(path.name)


def test_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """A file of just as many bytes as it may have is read, one of a byte more is not."""
    file = tmp_path / "a"
    file.write_bytes(b"0123456789")
    assert read_bounded(file, 10) == b"0123456789"
    assert _refusal(file, 9) == "a is larger than 9 bytes, too many for this; name the right file"


def test_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    """Where a file stands is the user's business: a link is followed."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_bounded(tmp_path / "b", 1) == b"x"


def test_what_is_no_file_is_said_to_be_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a pipe without a writer nor a device without end is waited for, and each is called by its kind."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)
        listener.bind("socket")
        assert _refusal(tmp_path / "pipe") == (
            "pipe is not a file but a pipe; save what it gives as a file, and name that"
        )
        assert _refusal(tmp_path / "socket") == "socket is not a file but a socket; name the file itself"
    assert _refusal(tmp_path).endswith("is not a file but a folder; name the file itself")
    assert _refusal(Path("/dev/zero")) == "zero is not a file but a device; name the file itself"


def test_pipe_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was a file when it was looked at, and is a pipe when it is opened, is refused at once."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"")
    seen = (tmp_path / "file").stat()
    monkeypatch.setattr(Path, "stat", lambda _: seen)
    assert "is not a file but a pipe" in _refusal(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none", "none: there is no such file; put it there or correct the path"),
        ("a/b", "b cannot be read: Not a directory; let this user read it"),
        ("a\0b", "a\\0b is not the name of a file; correct it"),
    ],
)
def test_file_that_is_not_there_is_told_with_the_remedy(tmp_path: Path, name: str, words: str) -> None:
    """A missing file, a path through a file and a name that is none are told apart."""
    (tmp_path / "a").write_bytes(b"")
    assert _refusal(tmp_path / name) == words
