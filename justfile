# Needs only `just`; every recipe is one command that can be typed without it.

# what there is
default:
    @just --list

# exactly what CI runs
check:
    .ci/run

# every test; installs the servers they need
test:
    tests/all

# what it costs, beside the peers; writes docs/benchmarks.md
bench:
    benches/run

# everything on loopback, sick and healthy
demo:
    cargo run --release -- demo
