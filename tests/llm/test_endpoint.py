import pytest
from pydantic import ValidationError

from reflectgen.llm.endpoint import EndpointOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"timeout_seconds": 0},
        {"outage_patience_seconds": -1},
        {"transport": "pigeon"},
        {"num_gpus": 0},
        {"price_per_gpu_hour": -2.5},
        {"x": 1},
    ],
)
def test_impossible_options_are_refused(wrong):
    with pytest.raises(ValidationError):
        EndpointOptions(url="http://h", **wrong)
