import pytest
from hypothesis import given

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.pii import Pii
from reflectgen.records import Category, Verdict
from tests.filters.making import candidate, candidates, unparsed


@pytest.mark.parametrize(
    ("rationale", "kind"),
    [
        ("asks readers to write to jane.doe+news@mail.example.org for tickets.", "an e-mail address"),
        ("gives jane.doe [at] mail [dot] example as the contact.", "an e-mail address"),
        ("names jane (at) example.org as the contact.", "an e-mail address"),
        ("urges people to pester @jane_doe99 about it.", "a handle"),
        ("prints the private line +44 20 7946 0958 of a neighbour.", "a phone number"),
        ("prints the private line (555) 010-4477 of a neighbour.", "a phone number"),
        ("prints the private line 555-010-4477 of a neighbour.", "a phone number"),
        ("nennt die private Nummer 030 / 901 82 00 eines Nachbarn.", "a phone number"),
        ("donne le numéro 01 99 00 12 34 d'un voisin.", "a phone number"),
        ("publishes the account DE89 3704 0044 0532 0130 00 of a donor.", "a bank account"),
        ("publishes the account GB82WEST12345698765432 of a donor.", "a bank account"),
        ("repeats a card number, 4111 1111 1111 1111, from a receipt.", "a card number"),
        ("repeats a card number, 378282246310005, from a receipt.", "a card number"),
        ("ties the visitor to 93.184.216.34 in a log.", "an IP address"),
        ("ties the visitor to 2606:2800:220:1:248:1893:25c8:1946 in a log.", "an IP address"),
        ("discloses that her number is 219-09-9999.", "a national id"),
        ("discloses that her number is AB 12 34 56 C.", "a national id"),
        ("discloses that her number is 12345678Z.", "a national id"),
        ("discloses that her number is X-1234567-L.", "a national id"),
        ("discloses that her number is 529.982.247-25.", "a national id"),
        ("discloses that her number is RSSMRA85T10A562S.", "a national id"),
        ("discloses that her number is 2 55 08 14 168 025 38.", "a national id"),
        ("透露了他的号码11010519491231002X。", "a national id"),
        ("says that she lives at 48 Linden Grove Road with her son.", "a street address"),
        ("says that she lives at 221B Baker Street with her son.", "a street address"),
        ("sagt, dass sie in der Lindenstraße 48 wohnt.", "a street address"),
        ("dit qu'elle habite 12 bis, rue de la Paix.", "a street address"),
        ("dice que vive en la Calle de Alcalá, 48 con su hijo.", "a street address"),
        ("sends letters to P.O. Box 1207 in the capital.", "a street address"),
        ("writes the line ＋４４ ２０ ７９４６ ０９５８ in wide digits.", "a phone number"),
    ],
)
def test_personal_data_in_a_rationale_is_rejected_by_kind_and_not_repeated(rationale: str, kind: str) -> None:
    decision = Pii().decide(candidate(rationale))
    assert (decision.reason, decision.detail) == ("pii", f"the rationale holds {kind}")


@pytest.mark.parametrize(
    "rationale",
    [
        "an account of the war years from 1914 to 1918 and of 1945-1949.",
        "a price list that runs from $1,299.99 to 12 345 678 yen.",
        "cites ISBN 978-3-16-148410-0 and ISBN 0-306-40615-2 for further reading.",
        "notes for version 3.11.4.2 and release 10.15.7.1 of a program.",
        "explains that 127.0.0.1 and 192.168.1.10 are addresses of one's own machine and network.",
        "a timetable with trains at 12:30:45 and 06:05:00 on 2024-11-24.",
        "a recipe with 250 g of flour, 125 ml of milk and 2 eggs at 180 degrees.",
        "a match report, 3-1 at half time and 5-2 after 90 minutes before 54,000 people.",
        "a law, sections 12.3.4.5 and 201-202, about 30 days of notice.",
        "a parts list with order numbers 4711-0815 and 1234567890123456.",
        "coordinates such as 52.5200 N and 13.4050 E for a lighthouse.",
        "a portrait of 42nd Street and of life on Main Street in the 1920s.",
        "an article on 5 Roman Road builders and their tools.",
        "a style sheet in which @media rules change the layout.",
        "a puzzle about 1 2 3 4 5 6 7 8 9 10 11 12.",
        "says that 3 men met at noon near the dot on the map.",
        "a table of populations: 1,240,000 and 8 336 817 and 331002651.",
        "a phone call of 555 minutes and 4477 seconds.",
        "an experiment with 0.05 significance, 95 % intervals and n = 1204.",
        "no digits at all.",
    ],
)
def test_years_prices_versions_and_book_numbers_pass(rationale: str) -> None:
    assert Pii().decide(candidate(rationale)).accepted


def test_what_the_evidence_quotes_is_not_woven_and_passes() -> None:
    given = candidate(
        "It publishes where a private person can be called.",
        verdict=Verdict.UNSAFE,
        category=Category.PRIVACY,
        evidence="call +44 20 7946 0958",
    )
    assert Pii().decide(given).accepted


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert Pii().decide(unparsed("jane@example.org")).accepted


@given(candidates)
def test_it_never_raises(given_: Candidate) -> None:
    assert Pii().decide(given_).reason in ("", "pii")
