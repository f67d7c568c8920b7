from hypothesis import given

from reflectgen.export.record import ChunkReflection
from reflectgen.export.standoff import stand_off
from reflectgen.export.weave import weave
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions

from .making import FORMS, reflected


@given(reflected(), FORMS)
def test_a_stand_off_row_holds_all_it_takes_to_weave(
    given_: tuple[Document, list[ChunkReflection]], form: FormOptions
) -> None:
    document, reflections = given_
    woven = weave(document, reflections, form)
    beside = stand_off(document, reflections, woven)
    assert beside.text == document.text
    text = beside.text
    for span in reversed(beside.neutralised):
        text = text[: span.start] + span.replacement + text[span.end :]
    for reflection in reversed(beside.reflections):
        text = text[: reflection.insert_at] + reflection.written + text[reflection.insert_at :]
    assert text == woven.text
    assert [r.rationale for r in beside.reflections] == [r.rationale for r in reflections]
