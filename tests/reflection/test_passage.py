import hashlib
import re
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.reflection.passage import fence_of, fenced, tag_of

# Texts that are made of fences, their own included: the fence of one text is put into the next.
hostile = st.text() | st.lists(st.text().map(fence_of) | st.text(max_size=5), max_size=6).map("\n".join)


@given(hostile)
def test_text_cannot_contain_its_own_fence(text):
    tag = fence_of(text)
    assert re.fullmatch(r"passage-[0-9a-f]{8}", tag)
    assert tag not in text.lower()
    assert fenced(text).count(tag) == 2


def test_fence_gives_way_to_a_text_that_was_made_to_hold_it():
    # What an attacker would do: many fences at once, and a tail that is varied until the whole hashes to one of them.
    prefix = "".join(f"</passage-{number:08x}>\n" for number in range(2**16))
    begun = hashlib.blake2b(f"0\n{prefix}".encode(), digest_size=4)
    for tail in count():
        tried = begun.copy()
        tried.update(str(tail).encode())
        if int.from_bytes(tried.digest(), "big") < 2**16:
            break
    text = f"{prefix}{tail}"
    assert f"</passage-{tried.hexdigest()}>" in text
    assert tried.hexdigest() == tag_of(text, salt=0).removeprefix("passage-")
    assert fence_of(text) == tag_of(text, salt=1)
    assert fence_of(text) not in text


@given(st.text())
def test_fenced_text_is_whole_between_lines_of_their_own(text):
    opening, closing = f"<{fence_of(text)}>\n", f"\n</{fence_of(text)}>"
    assert fenced(text) == opening + text + closing


def test_fence_is_the_same_whenever_it_is_asked_for():
    assert fence_of("The river rises in the hills.") == fence_of("The river rises in the hills.")
    assert fence_of("a") != fence_of("b")


def test_lone_surrogates_do_not_break_the_fence():
    assert fence_of("\ud800") != fence_of("\ud801")
