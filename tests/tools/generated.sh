#!/usr/bin/env bash
# What the program writes and the tree holds is the same, and the check notices when it is not.
set -euo pipefail
tools/check_generated
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/tools" "$copy/docs"
cp tools/check_generated "$copy/tools"
cp -r docs/schema docs/reference "$copy/docs"
echo >>"$copy/docs/schema/redoubt.schema.json"
program=$(realpath "$REDOUBT")
if REDOUBT=$program "$copy/tools/check_generated" 2>/dev/null; then
    echo "check_generated did not notice a changed schema"
    exit 1
fi
REDOUBT=$program "$copy/tools/check_generated" --update >/dev/null
REDOUBT=$program "$copy/tools/check_generated"
