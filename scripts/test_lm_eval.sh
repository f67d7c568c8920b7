#!/usr/bin/env bash
# lm-evaluation-harness on a checkpoint that is trained on the way. The harness stands on top of the given environment, which
# has the extra `train`, and changes nothing there. Usage: test_lm_eval.sh PYTHON
set -euo pipefail
python=$1 version=0.4.13
home=${REFLECTGEN_LM_EVAL_HOME:-$HOME/.cache/reflectgen-lm-eval}
packages() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
[ -x "$home/bin/python" ] || "$python" -m venv "$home"
packages "$python" >"$(packages "$home/bin/python")/reflectgen-train.pth"
if ! "$home/bin/python" -m pip --disable-pip-version-check --quiet install "lm_eval==$version" 2>"$home/install.log"; then
  tail -3 "$home/install.log"
  echo "skipped: lm_eval $version cannot be installed"
  exit 0
fi
REFLECTGEN_TEST_LM_EVAL="$home/bin/lm_eval" "$python" -m pytest tests/train/test_lm_eval.py --durations 5
