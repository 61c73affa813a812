# syntax=docker/dockerfile:1
# The image holds the locked libraries and the package, and nothing that builds them.
FROM python:3.13-slim-trixie@sha256:bb2988715db2cf7ace7b53f38f3cffbef7c7046a656bee66245eb0ed386e2e81 AS libraries
COPY requirements.lock /
RUN python -m venv /opt/vault \
 && /opt/vault/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements.lock
# The command by the name that the documentation gives it.
RUN printf '#!/bin/sh\nexec python -m vault "$@"\n' > /opt/vault/bin/callvault \
 && chmod 755 /opt/vault/bin/callvault

FROM python:3.13-slim-trixie@sha256:bb2988715db2cf7ace7b53f38f3cffbef7c7046a656bee66245eb0ed386e2e81
LABEL org.opencontainers.image.title="callvault" \
      org.opencontainers.image.description="A self-hosted vault for call recordings" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /var/lib/vault --create-home vault
COPY --from=libraries /opt/vault /opt/vault
COPY vault /opt/callvault/vault
# What `callvault --version` says: "release" for a release, else the commit.
ARG BUILD=image
RUN printf '{"build": "%s"}\n' "$BUILD" > /opt/callvault/vault/build.json
# The root file system can be read-only: everything that is written lies in the data directory.
ENV PATH=/opt/vault/bin:$PATH \
    PYTHONPATH=/opt/callvault \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VAULT_DATA_DIR=/var/lib/vault/data
USER 10001
# It belongs to user 10001 here, and what Docker or Fargate mounts at this path takes that over.
VOLUME /var/lib/vault
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "vault"]
CMD ["serve", "--host", "0.0.0.0"]
