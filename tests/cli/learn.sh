#!/usr/bin/env bash
# The lessons of docs/learn, run as written, and the runner itself: it must notice what differs.
. "$(dirname "$0")/lib/common.bash"
export REDOUBT
run=tests/learn/run

# --- the runner ---
page() { printf '%s\n' '<!-- file: a/b.txt -->' '```yaml' one two '```' "$@" >"$T/page.md"; }
page '```console' '$ cat a/b.txt' one two '$ cd a' '$ ls' b.txt '```'
expect 0 "$run" "$T/page.md"
page '```console' '$ cat a/b.txt' one three '```'
expect 1 "$run" "$T/page.md"
says '+two'
page '```console' '$ seq 9' 1 ... 8 9 '$ seq 3' ... '```'
expect 0 "$run" "$T/page.md"
page '```console' '$ seq 9' 1 ... 7 9 '```'
expect 1 "$run" "$T/page.md" # 8 is not elided
page '```console' '$ seq 3' 1 2 '```'
expect 1 "$run" "$T/page.md" # less than printed
page '```console' '$ false' '```'
expect 1 "$run" "$T/page.md"
page '<!-- run: exit 3 -->' '```console' '$ exit_three() { return 3; }; exit_three' '```'
expect 0 "$run" "$T/page.md"
page '<!-- run: about 5% -->' '```console' '$ echo "1,040 rows  ok 2"' '1,000 rows ok 2' '```'
expect 0 "$run" "$T/page.md"
page '<!-- run: about 5% -->' '```console' '$ echo "1,060 rows ok 2"' '1,000 rows ok 2' '```'
expect 1 "$run" "$T/page.md"
page '```console' '$ echo "1,001 rows"' '1,000 rows' '```'
expect 1 "$run" "$T/page.md" # exact unless the page says otherwise
page '<!-- edit: a/b.txt -->' '```diff' ' one' '-two' '+three' '```' '```console' '$ cat a/b.txt' one three '```'
expect 0 "$run" "$T/page.md"
page '<!-- edit: a/b.txt -->' '```diff' '-four' '+three' '```'
expect 1 "$run" "$T/page.md"
says 'found 0 times'
page '<!-- not run: it is a picture -->' '```console' '$ false' '```'
expect 0 "$run" "$T/page.md"
page '```console' '$ seq 40' 1 ... 30 '$ echo new' old '```'
expect 0 "$run" --update "$T/page.md"
expect 0 "$run" "$T/page.md"
grep -qx '\.\.\.' "$T/page.md" && grep -qx new "$T/page.md" || fail "--update lost the dots, or did not update"
[ "$failures" -eq 0 ] || finish

# --- the lessons; tests/cli/learn-advanced.sh runs the third ---
for lesson in docs/learn/1-beginner.md docs/learn/2-intermediate.md; do
    "$run" "$lesson" || fail "$lesson"
done
finish
