#!/usr/bin/env bash
# The report in a real browser: Debian's Chromium, driven by playwright-core, from file://, with the network watched.
# Screenshots and a PDF are left in $BUILD/report-test.
build=${BUILD:-build/release}
page=$build/web/report.html
for browser in /usr/bin/chromium /usr/bin/chromium-browser; do
    [ -x "$browser" ] && break
done
if [ ! -s "$page" ]; then
    reason=$(cat "$build/web/report.reason" 2>/dev/null)
    echo "skipped: no report page in this build: ${reason:-not built}"
    exit 77
fi
if [ ! -d "$build/web/node_modules/playwright-core" ]; then
    echo "skipped: playwright-core is not in $build/web/node_modules"
    exit 77
fi
if [ ! -x "$browser" ]; then
    echo "skipped: chromium is not installed"
    exit 77
fi
set -e
# The types hold; then the program's own report with hostile names, then the fixture.
(cd "$build/web" && node node_modules/typescript/bin/tsc --noEmit)
[ -x "$build/test_report" ] && "$build/test_report" >/dev/null 2>&1
exec node tests/web/report.mjs "$build" "$browser"
