#!/usr/bin/env bash
# Fail when a folder of src/ includes a sibling, a higher floor, or anything by a relative path,
# when a file of src/ or include/ passes 800 lines, or when something but base/alloc.c calls malloc.
# Includes are <system>, <redoubt/file.h> or "folder/file.h" counted from src/. Floors: tools/floors.txt.
set -u
cd "$(dirname "$0")/.."
status=0
say() { echo "$*"; status=1; }
floor_of() { awk -v name="$1" '{ for (i = 2; i <= NF; i++) if ($i == name) print $1 }' tools/floors.txt; }

for dir in src/*/; do
    here=$(basename "$dir")
    mine=$(floor_of "$here")
    [ -n "$mine" ] || { say "src/$here has no line in tools/floors.txt"; continue; }
    while read -r path; do
        case $path in
        '') continue ;;
        *..*|/*) say "src/$here includes \"$path\": count from src/ instead"; continue ;;
        */*) used=${path%%/*} ;;
        *) say "src/$here includes \"$path\": write \"$here/$path\""; continue ;;
        esac
        [ "$used" = "$here" ] && continue
        theirs=$(floor_of "$used")
        [ -n "$theirs" ] && [ "$theirs" -lt "$mine" ] && continue
        say "src/$here (floor $mine) includes $path (floor ${theirs:-unknown})"
    done < <(grep -rhoE '^#[[:space:]]*include[[:space:]]*"[^"]*"' "$dir" | sed 's/.*"\(.*\)"/\1/' | sort -u)
done

while read -r lines path; do
    [ "$path" = total ] && continue
    [ "$lines" -le 800 ] || say "$path has $lines lines; look for the second story above 800"
done < <(find src include -name '*.[ch]' -print0 | xargs -0 wc -l)

while read -r hit; do
    say "$hit: only src/base/alloc.c calls malloc and its kin"
done < <(grep -rnE '[^_a-z](malloc|calloc|realloc|aligned_alloc|strdup|strndup|asprintf)\(' src include \
    --include='*.[ch]' | grep -vE '^src/base/alloc\.c:' | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' | cut -d: -f1,2)

while read -r hit; do
    say "$hit: banned call"
done < <(grep -rnE '[^_a-z](strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atof|rand|srand|setlocale|system|popen)\(' src include \
    --include='*.[ch]' | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' | cut -d: -f1,2)
exit $status
