#!/usr/bin/env bash
# tools/new_module in a scratch copy of the sources: what it makes is found by the build, compiles without a warning and
# keeps every promise of tests/contract/test_attacks.c. Everything else comes from the build under test.
set -euo pipefail
: "${BUILD:?the build folder}"
BUILD=$(realpath "$BUILD")
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
cp -r CMakeLists.txt CMakePresets.json cmake include src tools docs catalog templates "$T"
mkdir "$T/tests"
cp -r tests/contract tests/fake_target.h tests/support.h "$T/tests"
cd "$T"

tools/new_module attack zz-first-try >/dev/null
tools/new_module attack aa >/dev/null
[ "$(grep -c '^RD_ATTACK(evade' src/attacks/attacks.def)" -ge 4 ]
grep '^RD_ATTACK' src/attacks/attacks.def | sort -c # still sorted
grep -q '@' src/attacks/evade/zz_first_try.c && { echo "a placeholder was left"; exit 1; }
for bad in zz-first-try fgsm Bad 9x a_b '' '../x' x/y; do
    if tools/new_module attack "$bad" >/dev/null 2>&1; then echo "took the name '$bad'"; exit 1; fi
done
if tools/new_module rule x >/dev/null 2>&1; then echo "took a kind it does not know"; exit 1; fi

# The same compiler and flags as the build under test (it may be a sanitizer's).
cached() { sed -n "s/^$1:[A-Z]*=//p" "$BUILD/CMakeCache.txt"; }
cmake -G Ninja -S . -B b -DRD_TESTS=OFF -DRD_WEB=OFF -DCMAKE_C_COMPILER="$(cached CMAKE_C_COMPILER)" \
    -DCMAKE_C_FLAGS="$(cached CMAKE_C_FLAGS)" -DCMAKE_BUILD_TYPE="$(cached CMAKE_BUILD_TYPE)" >cmake.log 2>&1 ||
    { cat cmake.log; exit 1; }
o=CMakeFiles/rd_attacks.dir/src/attacks
ninja -C b $o/evade/zz_first_try.c.o $o/evade/aa.c.o $o/registry.c.o >ninja.log || { cat ninja.log; exit 1; }
libs=$(ls "$BUILD"/librd_*.a)
# shellcheck disable=SC2046,SC2086 # flags and libraries are lists
$(cached CMAKE_C_COMPILER) $(cached CMAKE_C_FLAGS) -g -D_GNU_SOURCE -std=gnu17 -Iinclude -Isrc -Itests \
    -DRD_BUILD_DIR="\"$T/b\"" -o test_attacks tests/contract/test_attacks.c b/$o/evade/zz_first_try.c.o \
    b/$o/evade/aa.c.o b/$o/registry.c.o -Wl,--start-group $libs -Wl,--end-group \
    $(pkg-config --libs libfyaml libcrypto zlib sqlite3 libpng libjpeg libcurl jansson) -lcmocka -lm -lpthread
./test_attacks >test.log 2>&1 || { grep -v '   OK \| RUN  ' test.log; exit 1; }
[ "$(grep -c '  OK ] zz-first-try: ' test.log)" -ge 10 ] || { echo "the contract did not see it"; exit 1; }
echo ok
