# The image of retention-operator: `docker build .` or `buildah bud .`. The bases are named by digest, so that the same
# commit gives the same image; who must build from others passes --build-arg.
ARG RUST=docker.io/library/rust:1.95.0-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082
ARG BASE=gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f

# glibc 2.36, libgcc and the authorities' certificates. Time zones are in the binary.
FROM ${BASE} AS base
USER 65532:65532
ENTRYPOINT ["/usr/bin/retention-operator"]

# For tests: --target prebuilt, with a folder for context that holds a binary already built.
FROM base AS prebuilt
COPY --chmod=755 retention-operator /usr/bin/retention-operator

# Debian 12 like the base: a newer glibc would not be found there.
FROM ${RUST} AS build
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin retention-operator

FROM base
COPY --from=build /build/target/release/retention-operator /usr/bin/retention-operator
