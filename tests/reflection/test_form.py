import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reflectgen.errors import VerificationError
from reflectgen.records import Category, Reflection, Verdict
from reflectgen.reflection.form import FormOptions, parse_written, render_reflection, write_reflection
from reflectgen.reflection.markers import find_markers, restore
from reflectgen.reflection.taxonomy import CATEGORY_NAMES, VERDICT_NAMES, written_category

DEFAULT = FormOptions()
HINT = FormOptions(style="hint")
FORMS = st.sampled_from(
    [
        DEFAULT,
        FormOptions(style="template"),
        HINT,
        FormOptions(style="hint", end_after_unsafe=True, open_marker="#note|", close_marker="/note|"),
        FormOptions(end_after_unsafe=False, separator=""),
        FormOptions(open_marker="[R]", close_marker="[/R]", end_of_text="</s>", separator="\n\n"),
        FormOptions(open_marker="<|reflect|>", close_marker="<|/reflect|>", end_of_text="<｜end▁of▁sentence｜>"),
    ]
)
RATIONALES = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "<|endoftext|>",
            "[R]",
            "#note|",
            "<",
            "Safe: ",
            ": ",
            ". ",
            "Hate",
            " ",
            "\n",
            "＜/think＞",
        ]
    )
).map("".join)
REFLECTIONS = st.builds(Reflection, st.sampled_from(Verdict), st.sampled_from(Category), RATIONALES)


@pytest.mark.parametrize(
    ("reflection", "options", "written"),
    [
        (Reflection(Verdict.SAFE, Category.NONE), DEFAULT, "<think> Safe </think>"),
        (
            Reflection(Verdict.SAFE, Category.NONE, "a classroom account of leaves."),
            DEFAULT,
            "<think> Safe: a classroom account of leaves. </think>",
        ),
        (
            Reflection(Verdict.UNSAFE, Category.VIOLENT_CRIMES, "It plans an ambush on a named man."),
            DEFAULT,
            "<think> Unsafe: Violent Crimes. It plans an ambush on a named man. </think><|endoftext|>",
        ),
        (
            Reflection(Verdict.UNSAFE, Category.VIOLENT_CRIMES, "It plans an ambush."),
            FormOptions(style="template"),
            "<think> Unsafe: Violent Crimes </think><|endoftext|>",
        ),
        (
            Reflection(Verdict.UNSAFE, Category.HATE),
            FormOptions(end_after_unsafe=False),
            "<think> Unsafe: Hate </think>",
        ),
        (
            Reflection(Verdict.CONTROVERSIAL, Category.SUICIDE_SELF_HARM, "It speaks\nof \t grief. "),
            DEFAULT,
            "<think> Controversial: Suicide & Self-Harm. It speaks of grief. </think>",
        ),
        (Reflection(Verdict.UNSAFE, Category.NONE), DEFAULT, "<think> Unsafe: Other </think><|endoftext|>"),
        (
            Reflection(Verdict.SAFE, Category.NONE, "Explain a naive, romanticized view of the sea."),
            HINT,
            "<think> Safe Explain a naive, romanticized view of the sea. </think>",
        ),
        (
            Reflection(Verdict.CONTROVERSIAL, Category.DEFAMATION, "Describe\nthe paper's reply"),
            HINT,
            "<think> Controversial: Defamation Describe the paper's reply </think>",
        ),
        (Reflection(Verdict.UNSAFE, Category.HATE, "Tell why."), HINT, "<think> Unsafe: Hate Tell why. </think>"),
        (Reflection(Verdict.UNSAFE, Category.HATE), HINT, "<think> Unsafe: Hate </think>"),
        (
            Reflection(Verdict.UNSAFE, Category.HATE, "Tell why."),
            FormOptions(style="hint", end_after_unsafe=True),
            "<think> Unsafe: Hate Tell why. </think><|endoftext|>",
        ),
    ],
)
def test_the_written_form(reflection: Reflection, options: FormOptions, written: str) -> None:
    assert render_reflection(reflection, options) == written


@given(REFLECTIONS, FORMS)
def test_what_is_written_reads_back(reflection: Reflection, options: FormOptions) -> None:
    written = write_reflection(reflection, options)
    restored = restore(written.text, written.neutralised)
    rationale = "" if options.style == "template" else " ".join(reflection.rationale.split())
    category = written_category(reflection.verdict, reflection.category)
    assert parse_written(restored, options) == (reflection.verdict, category, rationale)
    assert parse_written(written.text, options)[:2] == (reflection.verdict, category)


@given(REFLECTIONS, FORMS)
def test_the_only_markers_are_ours(reflection: Reflection, options: FormOptions) -> None:
    text = render_reflection(reflection, options)
    assert "\n" not in text
    ends = options.end_after_unsafe and reflection.verdict is Verdict.UNSAFE
    tail = options.close_marker + (options.end_of_text if ends else "")
    close = len(text) - len(tail)
    assert text.endswith(tail)
    assert find_markers(text, options.markers) == [0, close, *([close + len(options.close_marker)] if ends else [])]


def test_text_ends_after_unsafe_by_default_except_after_a_hint() -> None:
    assert [FormOptions(style=style).end_after_unsafe for style in ("contextual", "template", "hint")] == [
        True,
        True,
        False,
    ]
    assert FormOptions(**HINT.model_dump()) == HINT


@pytest.mark.parametrize(
    "text",
    [
        "<think> SafeExplain it. </think>",
        "<think> Unsafe Explain it. </think>",
        "<think> Unsafe: Explain it. </think>",
        "<think> Unsafe: Hate Tell why. </think><|endoftext|>",
    ],
)
def test_anything_else_is_not_a_written_hint(text: str) -> None:
    with pytest.raises(VerificationError, match="not a written reflection"):
        parse_written(text, HINT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<think>",
        "<think> Safe",
        "<think> Safe </think> ",
        " <think> Safe </think>",
        "<think> Unsafe: Hate </think>",
        "<think> Safe </think><|endoftext|>",
        "<think> Unsafe </think><|endoftext|>",
        "<think> Unsafe: Hatred </think><|endoftext|>",
        "<think> Safely </think>",
        "<think> Safe: </think>",
        "[R] Safe [/R]",
    ],
)
def test_anything_else_is_not_a_written_reflection(text: str) -> None:
    with pytest.raises(VerificationError, match="not a written reflection"):
        parse_written(text, DEFAULT)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"open_marker": "think>"}, "starts with ASCII punctuation"),
        ({"open_marker": ":think"}, "starts with ASCII punctuation"),
        ({"open_marker": "§think"}, "starts with ASCII punctuation"),
        ({"open_marker": ""}, "at least 2"),
        ({"open_marker": "<my think>"}, "white space"),
        ({"open_marker": "<thi\u200bnk>"}, "white space or an invisible"),
        ({"close_marker": "<think>"}, "part of marker"),
        ({"close_marker": "<THINK>"}, "part of marker"),
        ({"close_marker": "<think>>"}, "part of marker"),
        ({"open_marker": "**a**"}, "the end of marker"),
        ({"open_marker": "[a<"}, "the end of marker"),
        ({"open_marker": "<‹a>"}, "stands in"),
        ({"separator": " | "}, "white space or nothing"),
        ({"style": "poem"}, "contextual"),
        ({"colour": "red"}, "not permitted"),
    ],
)
def test_options_that_would_not_hold_are_refused(options: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        FormOptions.model_validate(options)


def test_every_verdict_and_category_has_a_name_of_its_own() -> None:
    assert set(VERDICT_NAMES) == set(Verdict)
    assert set(CATEGORY_NAMES) == set(Category)
    assert len(set(CATEGORY_NAMES.values())) == len(Category)
    # parse_written takes the first name that fits, so none may begin another.
    names = sorted(CATEGORY_NAMES.values())
    assert not any(second.startswith(first) for first in names for second in names if first != second)
