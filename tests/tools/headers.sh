#!/usr/bin/env bash
# Each public header compiles alone, as C11, C17 and C++17, without a warning.
set -u
status=0
for header in include/redoubt/*.h; do
    for compiler in "gcc -std=c11 -x c" "gcc -std=c17 -x c" "g++ -std=c++17 -x c++" "clang-14 -std=c17 -x c"; do
        command -v "${compiler%% *}" >/dev/null || continue
        out=$(echo "#include <redoubt/$(basename "$header")>" |
            $compiler -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only - 2>&1) ||
            { echo "$header: $compiler"; echo "$out" | head -5; status=1; }
    done
done
exit $status
