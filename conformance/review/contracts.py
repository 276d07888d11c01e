"""Reviews the WSDL of a SOAP service: whether it can be used, and whether the cookbook's roles are found in it.

Must not judge whether the WSDL is what the cookbook describes.
"""

from collections.abc import Iterator

from conformance.contracts.binding import NAMES, bind
from conformance.model.errors import UsageError
from conformance.review.remarks import Remark, split
from conformance.review.subject import ReviewSubject


def contract_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield why a SOAP service's WSDL cannot be used, or which roles nothing in it plays."""
    if subject.spec.contract.soap is None or not subject.cases:
        return
    try:
        binding = bind(subject.spec, subject.service.settings, subject.target.folder)
    except UsageError as error:
        yield from (
            subject.remark("error", "contract", *split(problem))
            for problem in error.problems
        )
        return
    if binding.unresolved:
        message = (
            f"nothing in {binding.contract.file.name} plays {', '.join(binding.unresolved)}: "
            "the cases that need one of them will be not_applicable"
        )
        remedy = f"say in the file that `{NAMES}` names which local name of the WSDL plays each role"
        yield subject.remark("warning", "contract", message, remedy)
    if "wsdl" not in subject.service.settings and not subject.target.local:
        message = "wsdl is not given: messages are made and judged by a contract reconstructed from the cookbook"
        yield subject.remark(
            "note",
            "contract",
            message,
            "name the official WSDL as `wsdl`, once you have it",
        )
