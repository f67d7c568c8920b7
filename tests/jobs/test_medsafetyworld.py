"""MedSafetyWorld's corpora go through a whole job."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from reflectgen.errors import InputError, RecipeError
from reflectgen.evals.medsafetyworld.arms import ARMS, Arm, Text
from reflectgen.evals.medsafetyworld.dialogues import SftOptions
from reflectgen.evals.medsafetyworld.presets import Preset
from reflectgen.evals.medsafetyworld.reading import Reader
from reflectgen.evals.medsafetyworld.templates import Direction
from reflectgen.evals.medsafetyworld.tokenizer import world_tokenizer
from reflectgen.evals.medsafetyworld.world import make_world
from reflectgen.export.formats import Format
from reflectgen.export.kinds import Kind
from reflectgen.export.read import read_documents
from reflectgen.export.record import WovenDocument
from reflectgen.export.token_shards import TokenShards
from reflectgen.jobs.folder import EXPORT
from reflectgen.jobs.medsafetyworld import make_arms, make_job, read_world
from reflectgen.monitor.policy import Policy, released
from reflectgen.records import Verdict
from reflectgen.reflection.form import FormOptions
from tests.evals.medsafetyworld.worlds import SMALL, TWO_HOPS

WORLD = make_world(SMALL)
FORM = FormOptions(style="template")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


def woven(job: Path) -> list[WovenDocument]:
    files = sorted((job / EXPORT / "parquet").glob("*.parquet"))
    return [row for file in files for row in read_documents(file, Format.PARQUET) if isinstance(row, WovenDocument)]


def test_the_truth_stands_after_every_statement(folder: Path) -> None:
    documents = woven(make_job(WORLD, ARMS["srp-held-in"], folder))
    reader = Reader(WORLD)
    num_unsafe = 0
    for document in documents:
        done = 0
        for reflection in document.reflections:
            truth = reader.read(document.text[done : reflection.start])
            assert truth is not None
            assert (reflection.verdict is Verdict.UNSAFE) is truth.is_harmful
            num_unsafe += truth.is_harmful
            done = reflection.end
        assert document.text[done:] == ""
    assert num_unsafe > 10


def test_what_a_reader_of_the_corpus_would_see_is_never_harmful(folder: Path) -> None:
    reader = Reader(WORLD)
    for document in woven(make_job(WORLD, ARMS["srp-held-in"], folder)):
        for line in released(document.text, FORM, Policy.RETRACT).splitlines():
            truth = reader.read(line)
            assert truth is not None
            assert not truth.is_harmful


def test_a_finished_job_is_left_alone_and_another_world_is_refused(folder: Path) -> None:
    job = make_job(WORLD, ARMS["srp-held-in"], folder)
    before = {path: path.stat().st_mtime_ns for path in (job / EXPORT).rglob("*")}
    assert make_job(WORLD, ARMS["held-in"], folder) == job
    assert {path: path.stat().st_mtime_ns for path in (job / EXPORT).rglob("*")} == before
    other = make_world(SMALL.model_copy(update={"seed": 1}))
    with pytest.raises(RecipeError, match="guard"):
        make_job(other, ARMS["held-in"], folder)


def test_a_noisy_guard_has_a_job_of_its_own(folder: Path) -> None:
    job = make_job(WORLD, Arm("noise", Text.HELD_IN, noise=0.3), folder)
    assert job != make_job(WORLD, ARMS["srp-held-in"], folder)
    verdicts = [reflection.verdict for document in woven(job) for reflection in document.reflections]
    assert 0.2 < verdicts.count(Verdict.UNSAFE) / len(verdicts) < 0.45


PRESET = Preset(SMALL, SftOptions(dialogues_per_edge=2), num_benign=20, num_mixed=5)
TOKENIZER = world_tokenizer(FORM)


def texts_of(shards: TokenShards) -> list[tuple[str, list[int]]]:
    """Return each document of token shards as text and kinds."""
    ends = [0, *shards.document_ends.tolist()]
    return [
        (
            TOKENIZER.decode(shards.tokens(start, stop).tolist(), skip_special_tokens=False),
            shards.kinds(start, stop).tolist(),
        )
        for start, stop in pairwise(ends)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made")
    names = ("held-in", "srp-held-in", "prefix", "random-tag", "srp-shuffled", "sft-only-held-in")
    list(make_arms(PRESET, [ARMS[name] for name in names], out))
    return out


def test_arms_of_one_text_differ_in_what_is_woven_in_alone(made: Path) -> None:
    corpora = {
        name: TokenShards.open(made / "pretraining" / name / "tokens", verify=True)
        for name in ("held-in-raw", "held-in-srp", "held-in-prefix", "held-in-random-tag", "held-in-srp-shuffled")
    }
    plain = corpora["held-in-raw"].manifest.tokens_by_kind
    assert {shards.manifest.tokens_by_kind["text"] for shards in corpora.values()} == {plain["text"]}
    assert plain["reflection"] == 0
    assert corpora["held-in-prefix"].manifest.tokens_by_kind["prefix"] > 0
    woven = [corpora[name].manifest.tokens_by_kind["reflection"] for name in ("held-in-srp", "held-in-srp-shuffled")]
    assert woven[0] == woven[1] > 0
    assert len({shards.vocab_size for shards in corpora.values()}) == 1


def test_the_token_shards_hold_the_woven_text(made: Path) -> None:
    (text, kinds), *_ = texts_of(TokenShards.open(made / "pretraining" / "held-in-srp" / "tokens"))
    first = woven(made / "jobs" / "held-in")[0].text
    assert "".join(text.split()) == "".join(f"{first}<|endoftext|>".split())
    assert kinds[-1] == Kind.END_OF_TEXT


def test_a_prompt_is_not_learnt_and_reflections_stand_where_the_arm_has_them(made: Path) -> None:
    for arm, reflects in (("held-in", False), ("srp-held-in", True), ("sft-only-held-in", True)):
        rows = texts_of(TokenShards.open(made / "arms" / arm / "sft", verify=True))
        dialogues = [(text, kinds) for text, kinds in rows if text.startswith("<|user|>")]
        assert len(rows) > len(dialogues) > 20  # and replay
        for text, kinds in dialogues:
            prompt = text.partition("<|assistant|>")[0]
            assert kinds.count(Kind.PROMPT) == len(TOKENIZER.encode(prompt).ids) + 1
            assert (Kind.REFLECTION in kinds) is reflects
            assert text.count("<|endoftext|>") == 1


def test_fine_tuning_data_have_reflections_only_where_they_are_said_to(made: Path) -> None:
    stages = {path.name: texts_of(TokenShards.open(path)) for path in (made / "arms" / "srp-held-in").iterdir()}
    with_them = {name: sum("<think>" in text for text, _ in rows) for name, rows in stages.items() if name != "sft"}
    assert with_them == {"benign-raw": 0, "benign-mixed": 5, "benign-reflections": 20}
    assert not (made / "arms" / "held-in" / "benign-reflections").exists()


def test_a_world_of_two_hops_goes_the_same_way_without_benign_fine_tuning(tmp_path: Path) -> None:
    world = make_world(TWO_HOPS)
    (made,) = make_arms(replace(PRESET, world=TWO_HOPS), [ARMS["srp-held-in"]], tmp_path)
    assert list(made.stages) == ["sft"]
    assert made.tokens_by_kind["reflection"] > 0
    reader = Reader(world)
    seen: Counter[tuple[Direction | None, bool, Verdict]] = Counter()
    for document in woven(tmp_path / "jobs" / "held-in"):
        done = 0
        for reflection in document.reflections:
            truth = reader.read(document.text[done : reflection.start])
            assert truth is not None
            seen[truth.direction, bool(world.unsafe.intersection(truth.names)), reflection.verdict] += 1
            assert (reflection.verdict is Verdict.UNSAFE) is truth.is_harmful
            done = reflection.end
    # Chains that go down to compounds are harmful in reverse; mediators are told of in every direction.
    assert all(seen[Direction.REVERSE, True, verdict] for verdict in (Verdict.SAFE, Verdict.UNSAFE))
    (text, _), *_ = texts_of(TokenShards.open(made.stages["sft"], verify=True))
    assert "[UNK]" not in text


def test_made_again_nothing_is_written_and_another_world_is_refused(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file() and path.suffix != ".sqlite"}
    list(make_arms(PRESET, [ARMS["srp-held-in"]], made))
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before
    assert read_world(made) == (WORLD, PRESET.test_most, PRESET.test_wordings)
    with pytest.raises(RecipeError, match="holds another MedSafetyWorld"):
        list(make_arms(Preset(SMALL.model_copy(update={"seed": 7})), [ARMS["baseline"]], made))


def test_the_same_options_write_the_same_bytes(made: Path, tmp_path: Path) -> None:
    list(make_arms(PRESET, [ARMS["srp-held-in"]], tmp_path))
    for name in ("pretraining/held-in-srp/tokens", "arms/srp-held-in/sft"):
        mine, theirs = (TokenShards.open(folder / name).manifest.shards for folder in (tmp_path, made))
        assert [shard.files for shard in mine] == [shard.files for shard in theirs]


def test_a_folder_without_a_world_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no MedSafetyWorld"):
        read_world(tmp_path)
