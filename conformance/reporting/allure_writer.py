# mypy: disable-error-code="no-untyped-call"
"""Writes allure-results as Allure's own writer does, and stops where the disk is full.

Loaded where Allure's libraries are installed. Must not change what it is given.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import allure_commons
from allure_commons.logger import AllureFileLogger


class PrivateWriter(AllureFileLogger):
    """Allure's own writer, without the empty files of fixtures, of which there are two a case.

    What cannot be written whole is not there at all, nothing is written after it, and `unkept` is told.
    """

    def __init__(self, folder: Path, unkept: Callable[[Path, OSError], None]) -> None:
        """Write into a folder."""
        super().__init__(str(folder))
        self._folder, self._unkept, self._closed = folder, unkept, False

    @allure_commons.hookimpl
    def report_result(self, result: Any) -> None:  # noqa: ANN401 - Allure's own class
        """Write the result of a test."""
        self._write(super().report_result, result)

    @allure_commons.hookimpl
    def report_container(self, container: Any) -> None:  # noqa: ANN401 - Allure's own class
        """Write the failed fixtures of a case, if there are any."""
        if container.befores or container.afters:
            self._write(super().report_container, container)

    @allure_commons.hookimpl
    def report_attached_file(self, source: Any, file_name: str) -> None:  # noqa: ANN401 - Allure's own class
        """Write an attachment that is a file."""
        self._write(super().report_attached_file, source, file_name)

    @allure_commons.hookimpl
    def report_attached_data(self, body: Any, file_name: str) -> None:  # noqa: ANN401 - Allure's own class
        """Write an attachment."""
        self._write(super().report_attached_data, body, file_name)

    def _write(self, write: Callable[..., None], *parts: object) -> None:
        if self._closed:
            return
        try:
            write(*parts)
        except OSError as error:
            self._closed = True
            for draft in self._folder.glob("*.tmp"):
                draft.unlink(missing_ok=True)
            self._unkept(self._folder, error)
