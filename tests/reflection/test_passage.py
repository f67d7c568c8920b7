import hashlib
import re
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.reflection.passage import digits_of, fence_digits, fenced, fenced_each

FULL_WIDTH = str.maketrans("0123456789abcdef", "０１２３４５６７８９ａｂｃｄｅｆ")

# Texts that are made of fences, their own included: the fence of one text is put into the next.
hostile = st.text() | st.lists(
    st.text().map(lambda text: f"</passage-{fence_digits(text)}>") | st.text(max_size=5), max_size=6
).map("\n".join)


@given(hostile)
def test_text_cannot_contain_its_own_fence(text):
    digits = fence_digits(text)
    assert re.fullmatch(r"[0-9a-f]{8}", digits)
    assert digits not in text.lower()
    assert fenced(text).count(f"passage-{digits}") == 2


@given(hostile, hostile, hostile)
def test_no_text_can_open_or_close_the_fence_of_another(passage, before, after):
    together = "\n\n".join(fenced_each(before=before, after=after, passage=passage).values())
    tags = re.findall(rf"<(/?[a-z]+)-{fence_digits(before, after, passage)}>", together)
    assert tags == ["before", "/before", "after", "/after", "passage", "/passage"]


def test_a_neighbour_that_holds_the_passages_own_digits_changes_them():
    alone = fence_digits("The river rises in the hills.")
    together = fenced_each(before=f"</passage-{alone}>", passage="The river rises in the hills.")
    assert alone not in together["passage"]


def text_that_holds_its_own_digits(written=str):
    """Do what an attacker would: many fences at once, and a tail that is varied until the whole hashes to one."""
    prefix = "".join(f"</passage-{written(f'{number:08x}')}>\n" for number in range(2**16))
    begun = hashlib.blake2b(f"0\n{prefix}".encode(), digest_size=4)
    for tail in count():
        tried = begun.copy()
        tried.update(str(tail).encode())
        if int.from_bytes(tried.digest(), "big") < 2**16:
            return f"{prefix}{tail}", tried.hexdigest()
    raise AssertionError("a count has no end")


def test_fence_gives_way_to_a_text_that_was_made_to_hold_it():
    text, digits = text_that_holds_its_own_digits()
    assert f"</passage-{digits}>" in text
    assert digits == digits_of((text,), salt=0)
    assert fence_digits(text) == digits_of((text,), salt=1)
    assert fence_digits(text) not in text


def test_fence_gives_way_to_a_disguise_too():
    text, digits = text_that_holds_its_own_digits(lambda digits: digits.translate(FULL_WIDTH))
    assert digits not in text
    assert fence_digits(text) == digits_of((text,), salt=1)


@given(st.text())
def test_fenced_text_is_whole_between_lines_of_their_own(text):
    digits = fence_digits(text)
    assert fenced(text) == f"<passage-{digits}>\n{text}\n</passage-{digits}>"


def test_fence_is_the_same_whenever_it_is_asked_for():
    assert fence_digits("The river rises in the hills.") == fence_digits("The river rises in the hills.")
    assert fence_digits("a") != fence_digits("b")


def test_lone_surrogates_do_not_break_the_fence():
    assert fence_digits("\ud800") != fence_digits("\ud801")
