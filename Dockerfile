# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock requirements-dev.lock pyproject.toml README.md LICENSE ./
COPY ticker ticker
COPY static static
# The program's environment has no pip of its own: nothing can be added to it while it runs.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-dev.lock \
    && /opt/build/bin/python -m build --wheel --no-isolation --outdir /wheel . \
    && python -m venv --without-pip /opt/ticker \
    && /opt/build/bin/pip --python /opt/ticker/bin/python install --no-cache-dir --require-hashes -r requirements.lock \
    && /opt/build/bin/pip --python /opt/ticker/bin/python install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="ticker" \
      org.opencontainers.image.description="Real-time crypto prices for news pages" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"
RUN useradd --system --uid 10001 --home-dir /var/lib/ticker --create-home ticker
COPY --from=build /opt/ticker /opt/ticker
ENV PATH=/opt/ticker/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TICKER_SERVER__HOST=:: \
    TICKER_REDIS__DATA_DIR=/var/lib/ticker
USER 10001
WORKDIR /var/lib/ticker
VOLUME /var/lib/ticker
EXPOSE 8080
# The operator's port answers whatever runs here: both halves, a collector or a server.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('TICKER_ADMIN__PORT', '9100') + '/healthz', timeout=2)"]
ENTRYPOINT ["ticker"]
CMD ["run"]
