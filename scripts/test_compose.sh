#!/usr/bin/env bash
# Builds the images, brings the compose file up, and runs its tests: test_compose.sh PYTHON DOCKER_HERE
# DOCKER_HERE starts an engine and makes stand-ins for base images where no registry is reached; without it the engine that runs is used.
set -euo pipefail
python=$1 docker_here=$2
cd "$(dirname "$0")/.."
if [ -x "$docker_here" ] && ! { command -v docker && docker info; } >/dev/null 2>&1; then
  "$docker_here" engine
fi
if ! { command -v docker && docker info; } >/dev/null 2>&1; then
  echo "no Docker engine here: the compose file is not tried"
  [ "${CI:-}" != true ]
  exit
fi
# The images that the files name, but for those of profiles that are not brought up.
images=$(sed -n 's/^ARG PYTHON_IMAGE=//p' Dockerfile; sed -nE 's/.*\$\{(POSTGRES|REDIS)_IMAGE:-([^}]+)\}.*/\2/p' docker-compose.yml)
for image in $images; do
  docker image inspect "$image" >/dev/null 2>&1 || { [ -x "$docker_here" ] && "$docker_here" images "$image"; } || docker pull -q "$image"
done
exec "$python" -m pytest -m compose -s tests/deployment
