# The image: the runner `medusa-db` and, as `python -m medusa_operator`, the operator.
#
#     docker build -t medusa-db .                        both
#     docker build -t medusa-db:runner --target runner . the runner alone: for hooks, init containers, pipelines
#
# The base is a build argument: any image with Python 3.11 or newer and its venv module serves. Behind a
# proxy that signs with a certificate of its own, add `--secret id=ca,src=ca-certificates.crt`; nothing
# of it stays in the image.
ARG BASE=python:3.13-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
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
COPY seed seed
COPY operator operator
RUN /tools/bin/pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist . \
 && /tools/bin/pip --python /opt/medusa-db/bin/python install --quiet --no-deps --no-index dist/*.whl

FROM build AS build-operator
COPY requirements/image.txt requirements/
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
 && /tools/bin/pip --python /opt/medusa-db/bin/python install --quiet --require-hashes --only-binary :all: \
      -r requirements/image.txt

FROM ${BASE} AS plain
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Medusa database operator" \
      org.opencontainers.image.description="Brings a Medusa shop's PostgreSQL to the version its server needs" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# libpq asks for the name of its user, so the number has one. The driver brings an OpenSSL of its own,
# which looks for authorities elsewhere than Debian keeps them.
RUN echo 'medusa-db:x:65532:65532::/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'medusa-db:x:65532:' >> /etc/group
COPY LICENSE /usr/share/doc/medusa-db/LICENSE
ENV PATH=/opt/medusa-db/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["medusa-db"]

FROM plain AS runner
COPY --from=build /opt/medusa-db /opt/medusa-db

FROM plain
COPY --from=build-operator /opt/medusa-db /opt/medusa-db
