import pytest

from reflectgen.filters import check_digits

RIGHT = {
    check_digits.luhn: ("4111111111111111", "378282246310005", "6011111111111117"),
    check_digits.iban: ("DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"),
    check_digits.isbn: ("9783161484100", "0306406152", "080442957X"),
    check_digits.cpf: ("52998224725", "11144477735"),
    check_digits.dni: ("12345678Z", "X1234567L"),
    check_digits.nir: ("255081416802538", "180126955222380"),
    check_digits.chinese_id: ("11010519491231002X",),
}


@pytest.mark.parametrize(
    ("check", "number"), [(check, number) for check, numbers in RIGHT.items() for number in numbers]
)
def test_a_right_number_proves_itself(check, number: str) -> None:
    assert check(number)


@pytest.mark.parametrize(
    ("check", "number"), [(check, number) for check, numbers in RIGHT.items() for number in numbers]
)
def test_another_digit_in_any_place_is_noticed(check, number: str) -> None:
    """The country code of an account and the letters of a bank are left as they are."""
    for place, digit in enumerate(number):
        if digit.isdigit():
            wrong = number[:place] + str((int(digit) + 1) % 10) + number[place + 1 :]
            assert not check(wrong), wrong


def test_eleven_equal_digits_are_no_cpf() -> None:
    assert not check_digits.cpf("11111111111")
