# The image: the runner `medusa-db` and, as `python -m medusa_operator`, the operator.
#
#     docker build -t medusa-db .                        both
#     docker build -t medusa-db:runner --target runner . the runner alone: for hooks, init containers, pipelines
#
# It is made of nothing but Python, our packages, the libraries that these load, and authorities: no shell, no
# package manager. Whence they are is a build argument, BASE: any image with Python 3.11 or newer, its venv module
# and authorities serves. Two builds of one commit on one base have the same layers. Behind a proxy that signs with
# a certificate of its own, add `--secret id=ca,src=ca-certificates.crt`; nothing of it stays in the image.
ARG BASE=python:3.13-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
# A time for everything that is written: 2020-02-02, where none is given.
ARG SOURCE_DATE_EPOCH=1580601600
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PYTHONHASHSEED=0 PIP_NO_COMPILE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt requirements/runner.txt requirements/
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
 && python3 -m venv /tools && python3 -m venv --without-pip /opt/medusa-db \
 && /tools/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements/build.txt \
 && /tools/bin/pip --python /opt/medusa-db/bin/python install --quiet --require-hashes --only-binary :all: \
      -r requirements/runner.txt
COPY pyproject.toml README.md LICENSE ./
COPY cli cli
COPY migrations migrations
COPY project project
COPY seed seed
COPY operator operator
RUN /tools/bin/pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist . \
 && /tools/bin/pip --python /opt/medusa-db/bin/python install --quiet --no-deps --no-index dist/*.whl \
 && ls /opt/medusa-db/lib/python3*/site-packages > /build/runner-packages

FROM build AS build-operator
COPY requirements/image.txt requirements/
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
 && /tools/bin/pip --python /opt/medusa-db/bin/python install --quiet --require-hashes --only-binary :all: \
      -r requirements/image.txt

FROM build AS runner-files
COPY image/rootfs.py image/
RUN python3 image/rootfs.py /opt/medusa-db /files /build/runner-packages

FROM build-operator AS operator-files
COPY image/rootfs.py image/
RUN python3 image/rootfs.py /opt/medusa-db /files /build/runner-packages

FROM scratch AS plain
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
ARG SOURCE=
LABEL org.opencontainers.image.title="Medusa database operator" \
      org.opencontainers.image.description="Brings a Medusa shop's PostgreSQL to the version its server needs" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.vendor="The authors of the Medusa database operator" \
      org.opencontainers.image.authors="The authors of the Medusa database operator" \
      org.opencontainers.image.ref.name="${VERSION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}"
# The driver brings an OpenSSL of its own, which looks for authorities elsewhere than Debian keeps them.
ENV PATH=/opt/medusa-db/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONUTF8=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["medusa-db"]

FROM plain AS runner
COPY --from=runner-files /files/system /
COPY --from=runner-files /files/environment /

FROM plain
COPY --from=operator-files /files/system /
COPY --from=operator-files /files/environment /
