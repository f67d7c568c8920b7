#!/usr/bin/env bash
# Start a real vLLM server on the CPU, run the tests that need one, stop it. Usage: test_vllm.sh PYTHON VLLM_CPU_SH
set -euo pipefail
python=$1 server=$2
if [ ! -x "$server" ]; then
  echo "skipped: the tests against a real vLLM server need $server, which is not here"
  exit 0
fi
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=$(mktemp)
"$server" install >"$log" 2>&1 || { tail -20 "$log"; exit 1; }
export REFLECTGEN_TEACHER_API_KEY=key-for-this-test-only  # one of the tests sends a wrong one
VLLM_API_KEY=$REFLECTGEN_TEACHER_API_KEY VLLM_CPU_KVCACHE_SPACE=1 setsid "$server" serve "$port" >"$log" 2>&1 &
pid=$!
trap 'kill -- -$pid 2>/dev/null; wait $pid 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 180); do
  "$python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health')" 2>/dev/null && break
  kill -0 $pid 2>/dev/null || { tail -20 "$log"; exit 1; }
  sleep 2
done
REFLECTGEN_TEST_VLLM_URL="http://127.0.0.1:$port/v1" "$python" -m pytest -m vllm --timeout 900
