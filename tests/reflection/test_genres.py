import json
from pathlib import Path

import pytest

from reflectgen.reflection.genres import Genre, recognise
from reflectgen.reflection.tokens import tokenise
from reflectgen.reflection.words import split_words

TEXTS = {
    Genre.BLANK: "  \n\t ",
    Genre.SYMBOLS: "* * * --- ?!",
    Genre.FIGURES: "12,5  77\n1998",
    Genre.SNIPPET: "A note on hats",
    Genre.TABLE: "month,rain,days\nJanuary,88,17\nFebruary,61,12",
    Genre.CODE: "def double(x):\n    y = 2 * x\n    return y\n",
    Genre.LIST: "- eggs\n- butter\n- a new whisk\n",
    Genre.QUESTIONS: "Q: May I bring a dog?\nA: Yes, on a lead.\nQ: And a goat?\nA: No.\n",
    Genre.THREAD: "floury_pete: did I kill it?\ncrumb: not dead, just hungry\nfloury_pete: phew\n",
    Genre.DIALOGUE: '"I have lost an umbrella," she said. "Black?" "How did you know?" "They always are," he sighed.',
    Genre.LETTER: "Dear Jonas,\n\nThank you for the drawing of the volcano.\n",
    Genre.VERSE: "The boats are home, the nets are dry,\nthe gulls have given up the sky,\nthe crane has folded\n"
    "its arm away, and so have I.\n",
    Genre.INSTRUCTIONS: "Add the water and mix with your hand. Cover the bowl with a plate. Bake for thirty minutes.",
    Genre.NARRATION: "She locked the door behind her and walked down to the boat. He had waited for her all "
    "evening, and he said nothing when she stepped aboard and looked back at the lamp.",
    Genre.RECOLLECTION: "My mother asked me to carry the milk when I was ten, and I carried it up the hill. I "
    "was proud.",
}


def _recognise(text: str) -> Genre:
    return recognise(text, tokenise(text), len(split_words(text)), is_english=True)


@pytest.mark.parametrize("genre", TEXTS)
def test_plain_cases_are_recognised(genre: Genre) -> None:
    assert _recognise(TEXTS[genre]) is genre


def test_the_example_corpus_is_mostly_recognised() -> None:
    expected = {
        "code": Genre.CODE,
        "table": Genre.TABLE,
        "FAQ": Genre.QUESTIONS,
        "forum thread": Genre.THREAD,
        "poem": Genre.VERSE,
        "letter": Genre.LETTER,
    }
    corpus = Path(__file__).parents[2] / "examples" / "corpus"
    lines = [
        line for file in ("stories", "everyday") for line in (corpus / f"{file}.jsonl").read_text("utf-8").splitlines()
    ]
    documents = [json.loads(line) for line in lines]
    known = [document for document in documents if document["genre"] in expected]
    wrong = [document["id"] for document in known if _recognise(document["text"]) is not expected[document["genre"]]]
    assert len(known) >= 15
    assert len(wrong) <= 2, wrong
