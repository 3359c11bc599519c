# syntax=docker/dockerfile:1
# Pin the base image by its digest in production: --build-arg BASE_IMAGE=python:3.13-slim-bookworm@sha256:…
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /build
RUN python3 -m venv /opt/jwtapi
COPY requirements.lock requirements-build.lock ./
RUN /opt/jwtapi/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && python3 -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY alembic alembic
COPY src src
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir dist . \
 && /opt/jwtapi/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM ${BASE_IMAGE}
COPY --from=build /opt/jwtapi /opt/jwtapi
RUN mkdir /data && chown 10001:10001 /data
ENV PATH=/opt/jwtapi/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=4000 \
    DATABASE_URL=sqlite:////data/jwtapi.db
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python3", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=2)"]
CMD ["jwtapi", "serve"]
