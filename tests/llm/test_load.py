import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.llm.load import ServerLoad, parse_metrics

PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3-0.6B"} 12.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen3-0.6B"} 3.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="Qwen/Qwen3-0.6B",reason="capacity"} 3.0
vllm:kv_cache_usage_perc{engine="0"} 0.5
"""


def test_gauges_of_one_engine_are_read():
    assert parse_metrics(PAGE) == ServerLoad(num_running=12, num_waiting=3)


def test_engines_are_summed():
    second = PAGE.replace('engine="0"', 'engine="1"').replace(" 12.0", " 1.2e+01")
    assert parse_metrics(PAGE + second) == ServerLoad(num_running=24, num_waiting=6)


def test_gauges_without_labels_or_with_a_time_are_read():
    assert parse_metrics("vllm:num_requests_running 2\r\nvllm:num_requests_waiting 0 1700000000000\n") == ServerLoad(
        2, 0
    )


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<html>not found</html>",
        "vllm:num_requests_running 2\n",
        "sglang:num_running_reqs 2\n",
        "vllm:num_requests_running NaN\nvllm:num_requests_waiting NaN\n",
        "vllm:num_requests_running 1e999\nvllm:num_requests_waiting 0\n",
        "vllm:num_requests_running 1.2.3\nvllm:num_requests_waiting 0\n",
    ],
)
def test_page_without_both_gauges_tells_nothing(page):
    assert parse_metrics(page) is None


@given(st.text())
def test_no_page_raises(page):
    parse_metrics(page)
    parse_metrics(f"vllm:num_requests_running{page}\nvllm:num_requests_waiting {page}")
