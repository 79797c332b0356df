#!/usr/bin/env bash
# The third lesson of docs/learn, run as written: risk, workshop, roadmap, brief and report on one small system.
. "$(dirname "$0")/lib/common.bash"
export REDOUBT
tests/learn/run docs/learn/3-advanced.md || fail "docs/learn/3-advanced.md"
finish
