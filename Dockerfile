# One image for every part of the service: `reflectgen api`, `celery -A workers.app worker`, and whoever migrates; built
# with EXTRAS="service otel train", which makes it large, for the worker that trains.
# Nothing here needs BuildKit, so that old engines build it too.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Empty unless given: pip takes packages from whatever index it is set up for.
ARG PIP_INDEX_URL=""
ARG PIP_EXTRA_INDEX_URL=""
ARG EXTRAS="service otel"
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/reflectgen
WORKDIR /source
# The dependencies first: a change of our code then leaves this layer, the slow one, as it is.
COPY pyproject.toml constraints.txt ./
COPY scripts/dependencies.py scripts/
RUN python scripts/dependencies.py $EXTRAS >requirements.txt \
 && /opt/reflectgen/bin/pip install --quiet -c constraints.txt -r requirements.txt hatchling
COPY README.md LICENSE ./
COPY reflectgen reflectgen
COPY workers workers
COPY prompts prompts
RUN /opt/reflectgen/bin/pip install --quiet --no-deps --no-build-isolation . \
 && /opt/reflectgen/bin/pip uninstall --quiet --yes hatchling pip \
 && /opt/reflectgen/bin/python -m compileall -q /opt/reflectgen/lib

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="reflectgen" \
      org.opencontainers.image.description="Weave safety reflections into a pretraining corpus" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that an orchestrator which refuses root can see that it is not.
RUN groupadd --gid 10001 reflectgen \
 && useradd --uid 10001 --gid reflectgen --no-create-home --home-dir /tmp --shell /usr/sbin/nologin reflectgen \
 && mkdir /data && chown reflectgen:reflectgen /data
COPY --from=build /opt/reflectgen /opt/reflectgen
# All that is written goes to /data, the shared volume, or to /tmp: the rest may be read-only.
ENV PATH=/opt/reflectgen/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REFLECTGEN_DATA=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Of whichever part runs here; it finds out by itself which.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "workers.health"]
CMD ["reflectgen", "api", "--host", "0.0.0.0", "--port", "8080"]
