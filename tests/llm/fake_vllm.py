"""A stand-in for vLLM's server, and its package for interpreters to find: healthy after a moment, and dies when asked.

It is run with the standard library alone. `GET /die` ends it with exit code 9, `GET /hang` stops it from answering; a
line is added to the file FAKE_VLLM_STARTS, in JSON, each time that it starts. From start FAKE_VLLM_FAILS_FROM on it
ends at once, after it has said why.
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HELP = """usage: fake [-h] [--model MODEL]

options:
  -h, --help            show this help message and exit
  --model MODEL         The model. See --named-in-prose-only.
  --port PORT           Where it listens.
  --host HOST           Where it listens.
  --served-model-name SERVED_MODEL_NAME [SERVED_MODEL_NAME ...]
  --tensor-parallel-size TENSOR_PARALLEL_SIZE, -tp TENSOR_PARALLEL_SIZE
  --max-model-len MAX_MODEL_LEN
                        Tokens, at most.
                        --disable-uvicorn-access-log is for others to know.
  --enable-prefix-caching, --no-enable-prefix-caching
  --max-num-seqs MAX_NUM_SEQS
"""


class Health(BaseHTTPRequestHandler):
    hangs = False

    def do_GET(self) -> None:
        if self.path == "/die":
            print("ValueError: somebody asked for it", flush=True)
            os._exit(9)
        if self.path == "/hang":
            Health.hangs = True
        while Health.hangs:
            time.sleep(0.1)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


def serve() -> None:
    if "--help=all" in sys.argv:
        print(HELP)
        return
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    signal.signal(signal.SIGTERM, lambda *_: (child.kill(), os._exit(0)))  # as vLLM does with its engine
    started = {"pid": os.getpid(), "child": child.pid, "arguments": sys.argv[1:], "environ": dict(os.environ)}
    starts = Path(os.environ["FAKE_VLLM_STARTS"])
    with starts.open("a") as file:
        file.write(json.dumps(started) + "\n")
    print("INFO loading\nWARNING this can cause errors like OSError: too many open files", flush=True)
    num_starts = len(starts.read_text().splitlines())
    if num_starts >= int(os.environ.get("FAKE_VLLM_FAILS_FROM", "1000")):
        print("(EngineCore pid=1) ERROR ValueError: no room for the model\nRuntimeError: see above", flush=True)
        os._exit(1)
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer(("127.0.0.1", port), Health).serve_forever()


def install(folder: Path, distribution: str, version: str) -> None:
    """Write a package `vllm`, as `distribution` installs it, into `folder`."""
    entrypoints = folder / "vllm" / "entrypoints"
    for package in (entrypoints.parent, entrypoints, entrypoints / "openai", entrypoints / "cli"):
        package.mkdir()
        (package / "__init__.py").touch()
    for module in (entrypoints / "openai" / "api_server.py", entrypoints / "cli" / "main.py"):
        module.write_text(Path(__file__).read_text())
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "top_level.txt").write_text("vllm\n")


if __name__ == "__main__":
    serve()
