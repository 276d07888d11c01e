"""Tests of the headers by which the platform traces a client."""

import re

import pytest

from conformance.checks.tracing import TracingRules, from_problems, user_agent_problems
from conformance.contracts.platform_rules import load_tracing

RULES = load_tracing()


@pytest.mark.parametrize(
    "value",
    [
        "myProduct/62.310.4 Technical/3.19.0",
        "Topaz-XXXX/123.23.X freeconnector/XXXXX.XXX",
        "a/1 b/2",
        "ehealth-conformance/0.1.0 h11/0.16.0",
        "a/b/1.0 c-d/2_3-4",
        "a/1 b/2 c/3",
    ],
)
def test_user_agents_of_the_printed_pattern_are_accepted(value: str) -> None:
    """The cookbooks' own examples, and others of name/version twice, have no problem."""
    assert user_agent_problems(value, RULES) == []


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        (None, ["missing"]),
        ("", ["missing"]),
        ("myProduct/1.0", ["has 1 part instead of 2"]),
        ("myProduct", ["'myProduct' does not follow", "has 1 part instead of 2"]),
        ("myProduct/1.0 Technical", ["'Technical' does not follow"]),
        ("myProduct/1.0  Technical/2", ["'' does not follow"]),
        ("my_Product/1.0 Technical/2", ["'my_Product/1.0' does not follow"]),
        ("my Product/1.0 Technical/2", ["'my' does not follow"]),
        ("Mozilla/5.0 (X11)", ["'(X11)' does not follow"]),
        ("prodüct/1 Technical/2", ["'prodüct/1' does not follow"]),
        ("product/\N{ARABIC-INDIC DIGIT ONE} Technical/2", ["does not follow"]),
        ("product/1 Technical/2\n", ["'Technical/2\\n' does not follow"]),
    ],
)
def test_user_agent_that_identifies_nobody_is_reported(value: str | None, messages: list[str]) -> None:
    """Each part that is no name/version is named, and so is a missing connector."""
    problems = user_agent_problems(value, RULES)
    assert len(problems) == len(messages)
    assert all(message in problem.message for message, problem in zip(messages, problems, strict=True))
    assert {problem.location for problem in problems} == {"User-Agent"}
    assert {problem.expected for problem in problems} == {"myProduct/62.310.4 Technical/3.19.0"}
    assert {problem.actual for problem in problems} == {value or "absent"}


@pytest.mark.parametrize("value", ["info@mycompany.be", "a.b+c@sub.example.org"])
def test_mail_addresses_are_accepted_as_from(value: str) -> None:
    """An address with a domain of two parts is one that a person can be reached by."""
    assert from_problems(value, RULES) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "missing"),
        ("", "missing"),
        ("mycompany.be", "not an e-mail"),
        ("info@mycompany", "not an e-mail"),
        ("info@@mycompany.be", "not an e-mail"),
        ("Info <info@mycompany.be>", "not an e-mail"),
        ("info@mycompany.be, other@mycompany.be", "not an e-mail"),
        ("info@mycompany.be\r\nX-Evil: 1", "not an e-mail"),
        ("info@mycompany.be\n", "not an e-mail"),
        ("инфо@компания.бел", "not an e-mail"),
        ("in\0fo@mycompany.be", "not an e-mail"),
    ],
)
def test_from_that_is_no_address_is_reported(value: str | None, message: str) -> None:
    """Anything but one plain address is a problem that shows it."""
    problems = from_problems(value, RULES)
    assert [message in problem.message for problem in problems] == [True]
    assert (problems[0].location, problems[0].expected) == ("From", "info@mycompany.be")
    assert problems[0].actual == (value or "absent")


def test_number_of_parts_is_data() -> None:
    """How many parts a User-Agent needs comes from the rules, not from the check."""
    rules = TracingRules(re.compile(r"\w+/\d"), 3, re.compile("x"), "a/1 b/2 c/3", "x")
    assert user_agent_problems("a/1 b/2 c/3", rules) == []
    messages = [problem.message for problem in user_agent_problems("a/1 b/2", rules)]
    assert ["instead of 3" in message for message in messages] == [True]
