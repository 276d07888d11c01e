"""A choice of words that tells the nearest one where none of them was given.

Must load nothing heavy: help and completion need it.
"""

from typing import Any

import click


class NearestChoice(click.Choice[str]):
    """A choice whose refusal suggests what was probably meant; click offers no other way than to extend its type."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ANN401 - as click has it
        """Return click's message with a suggestion."""
        from conformance.formats.schemas import suggestion  # noqa: PLC0415 - only where a user has made a mistake

        near = suggestion(str(value).lower(), tuple(map(str.lower, self.choices)))
        message = super().get_invalid_choice_message(value, ctx)
        return message.rstrip(".") + near if near.endswith("?") else message
