"""The server that the tests here share: `reflectgen serve-teacher` keeps it running, see scripts/test_vllm.sh."""

from __future__ import annotations

import os
import re
import urllib.request
from pathlib import Path

URL = os.environ.get("REFLECTGEN_TEST_VLLM_URL", "")
SUPERVISOR = int(os.environ.get("REFLECTGEN_TEST_VLLM_PID", "0"))
PRINTED = os.environ.get("REFLECTGEN_TEST_VLLM_PRINTED", "")
NOT_HERE = "needs a server that serve-teacher keeps running: scripts/test_vllm.sh starts one"


def server_process() -> int:
    """Return the process of the server that the supervisor keeps at present."""
    (pid,) = Path(f"/proc/{SUPERVISOR}/task/{SUPERVISOR}/children").read_text().split()
    return int(pid)


def counted(metric: str, label: str = "") -> float:
    """Return the sum of one of the server's counters since it started, over the lines that hold `label`; 0 if away."""
    try:
        with urllib.request.urlopen(URL.removesuffix("/v1") + "/metrics", timeout=10) as answer:
            page = answer.read().decode()
    except OSError:
        return 0.0
    lines = re.findall(rf"^{re.escape(metric)}(\{{.*\}})? (\S+)$", page, re.MULTILINE)
    return sum(float(value) for labels, value in lines if label in labels)
