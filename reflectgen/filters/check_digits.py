"""Numbers that prove themselves: their last digits follow from the others, so a year or a price is no match."""

from __future__ import annotations

from itertools import cycle


def luhn(number: str) -> bool:
    """Payment cards, ISO/IEC 7812-1. `number` is ASCII digits."""
    doubled = [int(digit) * factor for digit, factor in zip(reversed(number), cycle((1, 2)), strict=False)]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def iban(number: str) -> bool:
    """Bank accounts, ISO 13616. `number` is ASCII capitals and digits."""
    moved = number[4:] + number[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def isbn(number: str) -> bool:
    """Books, ISO 2108, in ten or thirteen places. `number` is ASCII digits, an X may be the last of ten."""
    if len(number) == 13:
        total = sum(int(digit) * factor for digit, factor in zip(number, cycle((1, 3)), strict=False))
        return number.startswith(("978", "979")) and total % 10 == 0
    values = [10 if digit == "X" else int(digit) for digit in number]
    return len(number) == 10 and sum(value * (10 - place) for place, value in enumerate(values)) % 11 == 0


def cpf(number: str) -> bool:
    """Brazilian taxpayers, eleven digits of which the last two are checks."""
    digits = [int(digit) for digit in number]
    if len(set(digits)) == 1:
        return False
    checks = [sum(value * (end + 1 - place) for place, value in enumerate(digits[:end])) * 10 % 11 for end in (9, 10)]
    return [check % 10 for check in checks] == digits[9:]


def dni(number: str) -> bool:
    """Spanish residents, eight digits and a letter; foreigners have X, Y or Z for the first digit."""
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return number[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


def nir(number: str) -> bool:
    """French residents, thirteen digits and a key of two; Corsica's departments 2A and 2B count as 19 and 18."""
    return 97 - int(number[:13].replace("2A", "19").replace("2B", "18")) % 97 == int(number[13:])


def chinese_id(number: str) -> bool:
    """Chinese residents, GB 11643: seventeen digits and a check that may be X."""
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(number[:17]))
    return number[17] == "10X98765432"[total % 11]
