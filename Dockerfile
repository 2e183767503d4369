# One image for every process; docker-compose.yml says which one runs.
FROM python:3.13-slim AS build
RUN python -m venv /opt/dialer
WORKDIR /src
COPY requirements/runtime.lock requirements/
RUN /opt/dialer/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/runtime.lock
COPY pyproject.toml README.md ./
COPY dialer dialer
COPY workers workers
COPY ops ops
# From the locked build backend, so that nothing unhashed is fetched.
RUN /opt/dialer/bin/pip install --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps .

FROM python:3.13-slim
ENV PATH=/opt/dialer/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/dialer /opt/dialer
COPY ops /opt/dialer/ops
USER 10001:10001
WORKDIR /tmp
CMD ["dialer", "--help"]
