"""What must hold of every arm: only the treatment differs."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflectgen.errors import VerificationError
from reflectgen.export.arms.arm import ArmShard, Rewritten, Written
from reflectgen.export.arms.edit import own_text
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.registry import ARMS, Arm, Rows, make_arm
from reflectgen.export.arms.rewritten import KINDS, template_provenance
from reflectgen.export.formats import Format
from reflectgen.export.kinds import kinds_of
from reflectgen.export.manifest import Manifest
from reflectgen.export.record import ChunkReflection, EditedDocument, WovenDocument
from reflectgen.export.verify import verify_export
from reflectgen.export.writing import Writing
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from tests.export.making import BUILTIN, FORMS, chunk, corpus, export_here, facts, in_half, reflected

Corpus = list[tuple[Document, list[ChunkReflection]]]

KEEP_ALL = [name for name, kind in ARMS.items() if not kind.takes_away]
OPTIONS = st.builds(ArmOptions, name=st.sampled_from(ArmName), seed=st.integers(0, 9), strict=st.booleans())
CORPORA = st.lists(reflected(), max_size=5)


def written(documents: Corpus, options: ArmOptions, form: FormOptions) -> list[Written]:
    return list(make_arm(options, form).write(ArmShard(0, documents)))


def texts(documents: Corpus, name: ArmName, form: FormOptions) -> list[str]:
    return [one.woven.text for one in written(documents, ArmOptions(name=name), form) if one.woven]


def without_what_was_put_in(document: WovenDocument, form: FormOptions) -> str:
    text = document.text
    for start, end, _ in reversed(kinds_of(document, form)):
        text = text[:start] + text[end:]
    return text


@given(documents=CORPORA, name=st.sampled_from(KEEP_ALL), form=FORMS)
def test_without_what_an_arm_put_in_its_documents_are_those_of_raw(
    documents: Corpus, name: ArmName, form: FormOptions
) -> None:
    given = [one.woven for one in written(documents, ArmOptions(name=name), form) if one.woven]
    assert [without_what_was_put_in(one, form) for one in given] == texts(documents, ArmName.RAW, form)


@given(documents=CORPORA, strict=st.booleans(), form=FORMS)
def test_filter_keeps_exactly_the_chunks_that_are_not_unsafe(
    documents: Corpus, strict: bool, form: FormOptions
) -> None:
    unsafe = {Verdict.UNSAFE, Verdict.CONTROVERSIAL} if strict else {Verdict.UNSAFE}
    options = ArmOptions(name=ArmName.FILTER, strict=strict)
    for (document, chunks), one in zip(documents, written(documents, options, form), strict=True):
        kept = [document.text[c.start : c.end] for c in chunks if c.verdict not in unsafe]
        if one.woven is None:
            assert chunks and not kept
        else:
            assert isinstance(one.woven, EditedDocument)
            assert own_text(one.woven) == "".join(kept)


@given(documents=CORPORA, form=FORMS)
def test_filter_document_keeps_exactly_the_documents_without_an_unsafe_chunk(
    documents: Corpus, form: FormOptions
) -> None:
    for (_, chunks), one in zip(
        documents, written(documents, ArmOptions(name=ArmName.FILTER_DOCUMENT), form), strict=True
    ):
        assert (one.woven is None) == any(c.verdict is Verdict.UNSAFE for c in chunks)


@given(documents=CORPORA, seed=st.integers(0, 9), form=FORMS)
def test_shuffling_keeps_every_reflection_of_the_corpus_and_every_chunk(
    documents: Corpus, seed: int, form: FormOptions
) -> None:
    moved = written(documents, ArmOptions(name=ArmName.SRP_SHUFFLED, seed=seed), form)

    def said(chunks: object) -> Counter[tuple[object, ...]]:
        return Counter(astuple(c)[3:] for c in chunks)  # type: ignore[attr-defined]

    assert said(c for one in moved for c in one.reflections) == said(c for _, chunks in documents for c in chunks)
    for (_, chunks), one in zip(documents, moved, strict=True):
        assert [astuple(c)[:3] for c in one.reflections] == [astuple(c)[:3] for c in chunks]


@given(documents=CORPORA, form=FORMS)
def test_raw_matched_has_as_many_words_as_srp_to_the_word(documents: Corpus, form: FormOptions) -> None:
    matched, srp, raw = (
        sum(len(text.split()) for text in texts(documents, name, form))
        for name in (ArmName.RAW_MATCHED, ArmName.SRP, ArmName.RAW)
    )
    assert matched == (srp if raw else 0)  # where there is no word, none can be repeated


@settings(max_examples=30)
@given(documents=CORPORA, options=OPTIONS, form=FORMS)
def test_an_arm_is_the_same_whenever_it_is_written(documents: Corpus, options: ArmOptions, form: FormOptions) -> None:
    assert written(documents, options, form) == written(documents, options, form)


@given(documents=CORPORA, name=st.sampled_from(list(KINDS)), form=FORMS)
def test_in_a_rewritten_arm_only_unsafe_chunks_differ(documents: Corpus, name: ArmName, form: FormOptions) -> None:
    for (document, chunks), one in zip(documents, written(documents, ArmOptions(name=name), form), strict=True):
        assert isinstance(one.woven, EditedDocument)
        unsafe = [c for c in chunks if c.verdict is Verdict.UNSAFE]
        assert [edit.source_start for edit in one.woven.edits] == [c.start for c in unsafe]
        text = document.text
        for edit in reversed(one.woven.edits):
            assert not text[edit.source_end : next(c.end for c in chunks if c.start == edit.source_start)].strip()
            text = text[: edit.source_start] + text[edit.source_end :]
        assert own_text(one.woven) == text


@settings(max_examples=30)
@given(documents=CORPORA, options=OPTIONS, form=FORMS)
def test_every_arm_verifies_adds_up_and_is_what_the_job_gives(
    tmp_path_factory: pytest.TempPathFactory, documents: Corpus, options: ArmOptions, form: FormOptions
) -> None:
    folder, arm = tmp_path_factory.mktemp("arm"), make_arm(options, form)
    manifest = export_arm(folder, arm, documents, form)
    counts = manifest.counts
    assert counts.num_documents == len(documents) - counts.num_left_out_documents + counts.num_repeated_documents
    assert verify_export(folder, remade=lambda manifest: remade(documents, arm)).problems == []


def export_arm(folder: Path, arm: Arm, documents: Corpus, form: FormOptions) -> Manifest:
    formats = (Format.PARQUET, Format.JSONL, *([Format.STANDOFF] if arm.rows is Rows.WOVEN else []))
    known = [BUILTIN, *map(template_provenance, KINDS.values())]
    writing = Writing(folder, 2, formats, form, arm.options)
    return export_here(writing, in_half(documents), facts(len(documents), provenances=known), arm)


def remade(documents: Corpus, arm: Arm) -> list[WovenDocument]:
    shards = [ArmShard(number, part) for number, part in enumerate(in_half(documents))]
    return [one.woven for shard in shards for one in arm.write(shard) if one.woven]


def test_the_job_proves_that_a_filter_dropped_what_it_should_have(tmp_path: Path) -> None:
    documents, form = corpus(), FormOptions()
    milder = [(d, [chunk(c.index, c.start, c.end) for c in chunks]) for d, chunks in documents]
    arm = make_arm(ArmOptions(name=ArmName.FILTER), form)
    export_arm(tmp_path, arm, milder, form)
    assert verify_export(tmp_path).ok  # by itself it says nothing of what is not in it
    report = verify_export(tmp_path, remade=lambda manifest: remade(documents, arm))
    assert "it is not the row that the job gives in this place" in report.problems[0]
    report = verify_export(tmp_path, remade=lambda manifest: [*remade(milder, arm), *remade(milder, arm)])
    assert report.problems == ["parquet: the job gives more documents", "jsonl: the job gives more documents"]


def test_shards_that_can_be_read_only_once_cannot_be_shuffled_unnoticed() -> None:
    arm = make_arm(ArmOptions(name=ArmName.SRP_SHUFFLED), FormOptions())
    with pytest.raises(VerificationError, match="fewer reflections"):
        list(arm.write(ArmShard(0, iter(corpus()))))


def test_what_a_model_wrote_stands_in_the_chunks_place_and_forges_nothing() -> None:
    documents = [(Document("a", "Good. Bad thing.\n"), [chunk(0, 0, 6), chunk(1, 6, 17, Verdict.UNSAFE)])]
    arm = make_arm(ArmOptions(name=ArmName.REWRITE), FormOptions())
    shard = ArmShard(0, documents, {(0, 1): Rewritten("Said <think> well.", "teacher")})
    (one,) = arm.write(shard)
    assert isinstance(one.woven, EditedDocument)
    assert one.woven.text == "Good. Said ‹think> well.\n"
    assert one.woven.edits[0].provenance == "teacher"
    assert one.woven.neutralised[0].in_reflection
