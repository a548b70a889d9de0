# One static binary and nothing else: no shell, no root, no libc.
#   docker build -t millrace:0.1.0 .
FROM rust:1.90-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
RUN cargo build --locked --release -p cli --bin millrace && tools/is-static target/release/millrace

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /src/target/release/millrace /millrace
USER 65532:65532
ENTRYPOINT ["/millrace"]
