import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reflectgen.llm.vllm_flags import (
    Flag,
    ServeOptions,
    known_flags,
    spelt_out,
    split_known,
    wanted_flags,
    without_overridden,
)
from tests.llm.fake_vllm import HELP


def options(**more) -> ServeOptions:
    return ServeOptions(model="org/model", name="model", **more)


def values(flags: list[Flag]) -> dict[str, str | None]:
    return {flag.name: flag.value for flag in flags}


def test_every_flag_has_a_reason_and_is_said_once():
    flags = wanted_flags(options(gpus=4, tensor_parallel=2))
    assert all(flag.reason for flag in flags)
    assert len(values(flags)) == len(flags)


def test_the_documentation_has_every_flag_that_is_not_an_option_of_the_commands():
    page = Path(__file__).resolve().parents[2] / "docs" / "vllm.md"
    named = {flag.name for flag in wanted_flags(options())} - {"--host", "--port", "--served-model-name"}
    assert {name for name in named if f"`{name}" not in page.read_text()} == set()


def test_gpus_are_shared_out_among_copies():
    said = values(wanted_flags(options(gpus=8, tensor_parallel=2, max_num_seqs=100)))
    assert (said["--data-parallel-size"], said["--tensor-parallel-size"]) == ("4", "2")
    assert int(said["--max-num-queued-reqs"]) > 4 * 100  # the bound is the server's, not a copy's
    assert not {"--data-parallel-size", "--tensor-parallel-size"} & values(wanted_flags(options())).keys()


def test_gpus_that_make_no_whole_copies_are_refused():
    with pytest.raises(ValidationError, match="3 GPUs cannot be shared out among copies of 2"):
        options(gpus=3, tensor_parallel=2)


def test_structured_output_is_json_that_spends_no_token_on_blanks():
    said = json.loads(values(wanted_flags(options()))["--structured-outputs-config"])
    assert said["disable_any_whitespace"] is True


def test_help_defines_flags_and_prose_does_not():
    known = known_flags(HELP)
    assert {"--model", "--port", "--tensor-parallel-size", "--no-enable-prefix-caching", "--help"} <= known
    assert not {"--named-in-prose-only", "--disable-uvicorn-access-log"} & known


def test_a_flag_that_this_vllm_does_not_know_is_left_out():
    flags = wanted_flags(options())
    kept, left_out = split_known(flags, known_flags(HELP))
    assert {flag.name for flag in left_out} >= {"--max-num-queued-reqs", "--structured-outputs-config"}
    assert "--enable-prefix-caching" in values(kept)
    assert sorted(values(kept) | values(left_out)) == sorted(values(flags))


@pytest.mark.parametrize(
    ("extra", "replaced"),
    [
        (["--max-num-batched-tokens", "512"], "--max-num-batched-tokens"),
        (["--max-num-batched-tokens=512"], "--max-num-batched-tokens"),
        (["--max_num_batched_tokens=512"], "--max-num-batched-tokens"),
        (["--no-enable-prefix-caching"], "--enable-prefix-caching"),
        (["--enable-log-requests"], "--no-enable-log-requests"),
        (["--structured-outputs-config.backend", "guidance"], "--structured-outputs-config"),
    ],
)
def test_a_flag_of_the_users_replaces_ours(extra, replaced):
    before, after = values(wanted_flags(options())), values(without_overridden(wanted_flags(options()), extra))
    assert before.keys() - after.keys() == {replaced}


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--port", "1"], "--port is said before the --, as --port"),
        (["--served_model_name=x"], "--served-model-name is said before the --, as --name"),
        (["-tp", "2"], "-tp is said before the --, as --tensor-parallel"),
        (["--api-key", "secret"], "put it into REFLECTGEN_TEACHER_API_KEY"),
    ],
)
def test_what_has_an_option_of_its_own_is_not_said_again(extra, said):
    with pytest.raises(ValidationError, match=said):
        options(extra=tuple(extra))


def test_a_flag_is_no_model():
    with pytest.raises(ValidationError):
        ServeOptions(model="--trust-remote-code", name="model")


@given(st.lists(st.text(max_size=20), max_size=5))
def test_words_that_are_no_flags_replace_nothing(words):
    words = [word.lstrip("-") for word in words]
    assert without_overridden(wanted_flags(options()), words) == wanted_flags(options())


@given(st.text())
def test_a_flag_spelt_out_twice_is_spelt_out(word):
    assert spelt_out(spelt_out(word)) == spelt_out(word)
