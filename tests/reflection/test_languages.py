import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.reflection.languages import ENGLISH, GARBLED, UNKNOWN, guess_language
from reflectgen.reflection.tokens import tokenise


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The boats are home and the nets are dry.", ENGLISH),
        ("Accessibility for teams", ENGLISH),
        ("", ENGLISH),
        ("Le samedi, le village se réveille plus tôt que les autres jours.", "French"),
        ("Oben stand eine Hütte, und in der Hütte wohnte eine alte Frau.", "German"),
        ("Mi abuela decía que la tortilla no tiene secretos.", "Spanish"),
        ("Поезд отошёл от маленькой станции, и за окном шёл снег.", "Russian"),
        ("في حيّنا القديم مكتبة صغيرة لا يعرفها كثير من الناس.", "Arabic"),
        ("هر کس حق دارد که از دولت بپرسد", "Arabic script"),
        ("उस साल गर्मी बहुत लंबी थी और पानी नीचे चला गया था।", "Hindi"),
        ("小时候，每年中秋节我都回外婆家。", "Chinese"),
        ("私の町には、海の見える小さな駅があります。", "Japanese"),
        ("좋은 아침입니다", "Korean"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚ Ð´Ñ€ÑƒÐ·ÑŒÑ\x8f", GARBLED),
        ("\ufffd\ufffdab\ufffd\ufffd", GARBLED),
    ],
)
def test_languages_and_scripts_are_told_apart(text: str, language: str) -> None:
    assert guess_language(text, tokenise(text)) == language


def test_a_longer_text_in_a_language_without_a_list_is_unknown() -> None:
    text = "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są obdarzeni rozumem " * 3
    text += "sumieniem powinni postępować wobec innych duchu braterstwa każdy człowiek posiada wszystkie prawa wolności"
    assert guess_language(text, tokenise(text)) == UNKNOWN


@given(st.text())
def test_every_text_has_an_answer(text: str) -> None:
    assert isinstance(guess_language(text, tokenise(text)), str)
