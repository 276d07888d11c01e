"""Lints the SOAP side of a spec folder: soap.yaml against the table of checks, names.yaml against the WSDL.

Must not send anything nor change a file.
"""

import re
from collections.abc import Iterator
from string import Template

from conformance.checks.soap_rules import CHECKS, SoapCheck, missing_places
from conformance.contracts.binding import bind
from conformance.contracts.loading import Spec
from conformance.contracts.soap_rules import PRINTED_MESSAGE
from conformance.formats.schemas import suggestion
from conformance.model.case import Case, Clause
from conformance.model.contract import CheckRule, Contract, SoapRules
from conformance.model.errors import UsageError
from conformance.soap.security.mutations import MUTATIONS


def soap_problems(spec: Spec) -> Iterator[str]:
    """Yield what refers to nothing in soap.yaml and names.yaml, and what the SOAP side of a case names in vain."""
    rules = spec.contract.soap
    if rules is None:
        return
    yield from _requirement_problems(rules, spec.contract)
    yield from _binding_problems(rules)
    yield from _code_problems(rules, spec.contract)
    yield from _outcome_problems(rules)
    yield from _role_problems(rules)
    yield from _pattern_problems(rules)
    for case in spec.cases.values():
        yield from _case_problems(case, rules)
    yield from _wsdl_problems(spec)


def _requirement_problems(rules: SoapRules, contract: Contract) -> Iterator[str]:
    messages = (rule.requirement for rule in rules.messages.values())
    for requirement in (*rules.requirements, *messages):
        if requirement not in contract.requirements:
            yield f"soap.yaml names the requirement {requirement}, which does not exist"


def _binding_problems(rules: SoapRules) -> Iterator[str]:
    """Yield what is wrong with the bindings of checks: their names, places, roles and words."""
    bound = [(key, rule) for key, rule in rules.checks.items()]
    bound += [(PRINTED_MESSAGE, rule) for rule in rules.messages.values()]
    for key, rule in bound:
        check = CHECKS.get(rule.check)
        if check is None:
            known = suggestion(rule.check, CHECKS)
            yield f"soap.yaml names the check {rule.check}, which does not exist{known}"
            continue
        where = f"soap.yaml: checks.{key}"
        yield from (f"{where}: {problem}" for problem in missing_places(rule))
        yield from (f"{where} {problem}" for problem in _places(rule, check, rules))
        yield from (f"{where} {problem}" for problem in _words(rule, check))


def _places(rule: CheckRule, check: SoapCheck, rules: SoapRules) -> Iterator[str]:
    """Yield places that a check does not have, and roles that names.yaml does not have."""
    sections = dict.fromkeys(check.places, "answer")
    sections |= dict.fromkeys(check.asked, "request")
    for place, role in rule.places.items():
        if place not in sections:
            yield f"has the place {place}, which {rule.check} does not know{suggestion(place, sections)}"
            continue
        roles = rules.names.get(sections[place], {})
        if role not in roles:
            yield f"names the role {role}, which {sections[place]} in names.yaml does not have{suggestion(role, roles)}"


def _words(rule: CheckRule, check: SoapCheck) -> Iterator[str]:
    """Yield words that a check never uses, and names in them that stand for nothing."""
    names = _names(check)
    for slot, text in rule.words.items():
        if slot not in check.words:
            yield f"has the words {slot}, which {rule.check} does not use{suggestion(slot, check.words)}"
        for name in Template(text).get_identifiers():
            if name not in names:
                known = suggestion(f"${name}", tuple(f"${one}" for one in names))
                yield f"has ${name} in its words, which stands for nothing{known}"


def _names(check: SoapCheck) -> tuple[str, ...]:
    """Return what may stand in the words of a check with a dollar sign."""
    own = {
        name
        for text in check.words.values()
        for name in Template(text).get_identifiers()
    }
    own |= {"name", "role", "a_role"} if check.places else set()
    return tuple(sorted(own))


def _code_problems(rules: SoapRules, contract: Contract) -> Iterator[str]:
    for code in sorted(
        (rules.gates | rules.unavailable | rules.busy) - contract.errors.keys()
    ):
        yield f"soap.yaml names the code {code}, which errors.yaml does not have"


def _outcome_problems(rules: SoapRules) -> Iterator[str]:
    for rule in rules.further_checks:
        for outcome in sorted({*rule.options.get("outcomes", ())} - {*rules.outcomes}):
            yield f"soap.yaml names the outcome {outcome}, which it does not have"


def _role_problems(rules: SoapRules) -> Iterator[str]:
    """Yield roles of callers and persons that names.yaml does not have in a request, of same_person in an answer."""
    asked = {rule.role for rule in rules.callers.values()}
    given = set()
    for rule in rules.further_checks:
        asked |= {*rule.options.get("decisive", ()), *rule.options.get("disjoint", ())}
        given |= {*rule.places.values()}
    unknown = asked - rules.names.get("request", {}).keys()
    unknown |= given - rules.names.get("answer", {}).keys()
    for role in sorted(unknown):
        yield f"soap.yaml names the role {role}, which names.yaml does not have"


def _pattern_problems(rules: SoapRules) -> Iterator[str]:
    for name, rule in rules.messages.items():
        try:
            re.compile(rule.options["pattern"])
        except re.error as error:
            yield f"soap.yaml: messages.{name}.pattern: not a regular expression: {error}"


def _case_problems(case: Case, rules: SoapRules) -> Iterator[str]:
    if case.caller and case.caller not in rules.callers:
        yield f"case {case.id} names the kind of caller {case.caller}, which soap.yaml does not have"
    mutation = case.request.message.mutation if case.request.message is not None else ""
    if mutation and mutation not in MUTATIONS:
        yield f"case {case.id} names the mutation {mutation}, which does not exist"
    if case.words and case.words not in rules.messages:
        yield f"case {case.id} names the message {case.words}, which soap.yaml does not have"
    for clause in case.expectation.clauses:
        yield from _clause_problems(case.expectation.name, clause, rules)


def _clause_problems(
    expectation: str, clause: Clause, rules: SoapRules
) -> Iterator[str]:
    for outcome in sorted(set(clause.outcomes) - rules.outcomes.keys()):
        yield f"expectation {expectation} names the outcome {outcome}, which soap.yaml does not have"
    if clause.detail and clause.detail not in rules.details:
        yield f"expectation {expectation} names the detail {clause.detail}, which soap.yaml does not have"


def _wsdl_problems(spec: Spec) -> Iterator[str]:
    """Yield what keeps the WSDL from being used, or the roles that nothing in it plays."""
    try:
        unresolved = bind(spec, {}, spec.folder).unresolved
    except UsageError as error:
        yield from error.problems
    else:
        yield from (
            f"names.yaml: nothing in the WSDL plays {role}" for role in unresolved
        )
