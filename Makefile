# Two commands to begin with: `make demo` and `make test`. Everything happens in .venv; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := reflectgen workers prompts tests benchmarks scripts
SHARED_TOOLS ?= ../shared/tools

.PHONY: demo test test-all test-vllm test-faults test-compose check format bench clean

demo: $(VENV)/.core
	@$(BIN)/reflectgen run examples/corpus examples/bad_rows.jsonl --out demo-out
	@$(BIN)/reflectgen verify demo-out
	@echo
	@echo "Read the woven documents:           $(BIN)/reflectgen show demo-out"
	@echo "Only what was judged unsafe:        $(BIN)/reflectgen show demo-out --verdict unsafe"
	@echo "The rows that became no document:   demo-out/rejects.jsonl"
	@echo "What a trainer reads:               demo-out/export"

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not train and not vllm and not gpu and not faults and not stack and not compose"

test-all: $(VENV)/.train
	$(BIN)/python -m pytest -m "train"; status=$$?; [ $$status -eq 0 ] || [ $$status -eq 5 ]
	scripts/test_lm_eval.sh $(BIN)/python
	$(MAKE) test-vllm

# A real vLLM server with a real small model on the CPU; skipped, saying so, where the tools that start it are absent.
test-vllm: $(VENV)/.dev
	scripts/test_vllm.sh $(BIN)/python $(SHARED_TOOLS)/vllm_cpu.sh

# A fleet of workers with real servers, killed and restarted while it works; LONG=1 for the long version.
test-faults: $(VENV)/.dev
	REFLECTGEN_FAULTS_LONG=$(LONG) $(BIN)/python -m pytest -m "faults or stack" -s

# The compose file for real: images built, containers killed and restarted while a job runs; needs Docker.
test-compose: $(VENV)/.dev
	scripts/test_compose.sh $(BIN)/python $(SHARED_TOOLS)/docker_here.sh

check: $(VENV)/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

.env:
	@umask 077; awk '/=change-me$$/ {"od -An -tx1 -N24 /dev/urandom | tr -d \" \\n\"" | getline word; \
	  close("od -An -tx1 -N24 /dev/urandom | tr -d \" \\n\""); sub(/change-me$$/, word)} {print}' .env.example >$@
	@echo "$@ has passwords of its own; read it, then: docker-compose up -d"

format: $(VENV)/.dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(VENV)/.dev
	@for file in $(filter-out %/__init__.py %/report.py %/processes.py %/prose.py %/stub.py %/closing_stub.py %/outage_stub.py,$(wildcard benchmarks/*.py)); do \
	  echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

clean:
	rm -rf $(VENV) demo-out bench-out dist

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reflectgen needs Python 3.11 or newer; run: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up $(VENV) (about a minute the first time) ..."
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[dev,service]'
	@touch $@ $(VENV)/.core

$(VENV)/.train: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[dev,service,train]'
	@touch $@ $(VENV)/.dev $(VENV)/.core
