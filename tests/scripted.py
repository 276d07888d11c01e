"""The other side of a credential request in tests: it says what it is told to, and remembers what it was asked."""

from dataclasses import dataclass, field

from conformance.model.exchange import Request, Response, TransportFailure


@dataclass(slots=True)
class Scripted:
    """A token endpoint or an STS with the answers that it is to give, in this order."""

    answers: list[Response | TransportFailure] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Response | TransportFailure:
        """Return the next answer."""
        self.asked.append(request)
        return self.answers.pop(0)
