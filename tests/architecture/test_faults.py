"""The page of faults says what the tests say, and no test claims a fault that is not in the table."""

from __future__ import annotations

from tests.support.source import ROOT, assert_none
from tools.faults_page import PAGE, known, marked, page
from tools.mutants import read_mutants

ROWS = {
    "A": 15,
    "B": 11,
    "C": 7,
    "D": 10,
    "E": 5,
    "F": 7,
    "G": 13,
    "H": 12,
    "I": 6,
    "J": 5,
    "K": 4,
    "L": 6,
    "M": 8,
}


def test_the_table_is_whole() -> None:
    ids = [row["id"] for row in known()["faults"]]
    assert ids == [f"{letter}{n}" for letter, count in ROWS.items() for n in range(1, count + 1)]
    assert list(known()["promises"]) == [f"P{n}" for n in range(1, 12)]


def test_no_test_claims_what_is_not_in_the_table() -> None:
    table = {row["id"] for row in known()["faults"]} | set(known()["promises"])
    assert_none([f"{name}: {places}" for name, places in marked().items() if name not in table])


def test_every_promise_has_a_test() -> None:
    data, tests = known(), marked()
    assert_none(
        [name for name in data["promises"] if name not in tests and name not in data.get("pending", {})]
    )


def test_a_row_without_a_test_says_why() -> None:
    tests = marked()
    assert_none(
        [row["id"] for row in known()["faults"] if row["id"] not in tests and not row.get("reason", "")]
    )


def test_the_page_is_up_to_date() -> None:
    assert page() == PAGE.read_text("utf-8"), "python -m tools.faults_page"


def test_planted_mistakes_fit_the_code() -> None:
    mutants = read_mutants()
    assert len(mutants) >= 15
    wrong = [one.name for one in mutants if (ROOT / one.file).read_text("utf-8").count(one.old) != 1]
    for one in mutants:
        path, _, test = one.test.partition("::")
        if f"def {test}(" not in (ROOT / path).read_text("utf-8"):
            wrong.append(f"{one.name}: {one.test} is not there")
    assert_none(wrong)
