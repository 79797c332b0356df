#!/usr/bin/env bash
# make install into an empty folder: what lies where afterwards, that it runs from there without any environment, and
# that make uninstall leaves nothing. The tree is the one under test; nothing is built.
. "$(dirname "$0")/../cli/lib/common.bash"
: "${BUILD:?the build folder}"
[ -d "$BUILD/share/man" ] || skip "this build wrote no manual pages (a cross build without an emulator)"
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR
umask 077
D="$T/a stage" # a blank, as names of folders have
run_make() { expect 0 make -o build "$@" BUILD="$BUILD" LIST="$T/installed.txt" PREFIX=/opt/redoubt DESTDIR="$D"; }

# --- the files; folders that are there already keep their mode, new ones are open to all ---
mkdir -p "$D/opt/redoubt/share/man"
chmod 2775 "$D" "$D/opt" "$D/opt/redoubt" "$D/opt/redoubt/share" "$D/opt/redoubt/share/man"
run_make install
[ "$(stat -c %a "$D/opt/redoubt/share/man")" = 2775 ] || fail "the mode of a folder of others was changed"
[ -z "$(find "$D" -type d ! -perm -555)" ] || fail "not for everybody: $(find "$D" -type d ! -perm -555 | head -3)"
says "files below $D/opt/redoubt"
{
    echo bin/redoubt
    "$REDOUBT" __man --list | sed 's|.*\(.\)$|share/man/man\1/&|'
    printf 'share/%s\n' bash-completion/completions/redoubt zsh/site-functions/_redoubt fish/vendor_completions.d/redoubt.fish
    printf 'share/doc/redoubt/%s\n' LICENSE README.md CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md
    find docs -type f | sed 's|^|share/doc/redoubt/|'
} | sort >"$T/want"
(cd "$D/opt/redoubt" && find . -type f | sed 's|^\./||' | sort) >"$T/got"
diff "$T/want" "$T/got" >"$T/diff" || { fail "other files than expected"; head -20 "$T/diff"; }
[ "$(wc -l <"$T/want")" -gt 80 ] || fail "only $(wc -l <"$T/want") files are expected"
[ -z "$(find "$D" -mindepth 1 -maxdepth 1 ! -name opt)" ] || fail "something lies outside PREFIX"
[ -z "$(find "$D/opt/redoubt" -type f -perm /022)" ] || fail "others may write files"
[ -z "$(find "$D/opt/redoubt" -type f ! -perm -444)" ] || fail "others may not read files"
[ -z "$(find "$D/opt/redoubt/share" -type f -perm /111)" ] || fail "a page may be executed"
[ -x "$D/opt/redoubt/bin/redoubt" ] || fail "the program may not"
if command -v readelf >/dev/null; then
    readelf -d "$D/opt/redoubt/bin/redoubt" | grep -E 'RPATH|RUNPATH' && fail "it looks for libraries in a folder of the build"
fi

# --- it works from there: no variable set, no file of the source tree beside it ---
mkdir "$T/elsewhere"
cd "$T/elsewhere" || exit 1
installed="$D/opt/redoubt/bin/redoubt"
expect 0 env -i "$installed" init fraud-api pay
expect 0 env -i "$installed" check pay
expect 0 env -i "$installed" threats pay --json
expect 0 env -i PATH=/usr/bin:/bin "$installed" doctor
grep -q "^ok  *completion.*$D" "$T/out" || fail "doctor does not see the completions: $(grep completion "$T/out")"
grep -q "^ok  *man.*$D" "$T/out" || fail "doctor does not see the pages: $(grep man "$T/out")"
cd "$OLDPWD" || exit 1

# --- shells and man find what is theirs ---
bash --norc -c 'source "$1"; complete -p redoubt' - "$D/opt/redoubt/share/bash-completion/completions/redoubt" \
    >"$T/out" 2>"$T/err" || fail "bash does not take its completion"
if command -v man >/dev/null; then
    [ "$(man -M "$D/opt/redoubt/share/man" -w redoubt-attack-run)" = "$D/opt/redoubt/share/man/man1/redoubt-attack-run.1" ] ||
        fail "man does not find redoubt-attack-run"
    [ "$(man -M "$D/opt/redoubt/share/man" -w 5 redoubt.yaml)" = "$D/opt/redoubt/share/man/man5/redoubt.yaml.5" ] ||
        fail "man does not find redoubt.yaml"
fi
# Links of the installed pages lead to installed pages (those into the source tree have none to lead to).
python3 - "$D/opt/redoubt/share/doc/redoubt" <<'PY' || fail "a link of the documentation is broken"
import glob, os, re, sys
root, bad, n = sys.argv[1], [], 0
for page in glob.glob(root + "/**/*.md", recursive=True):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", open(page, encoding="utf-8").read()):
        target = os.path.normpath(os.path.join(os.path.dirname(page), link))
        inside = os.path.relpath(target, root)
        n += 1
        if not os.path.exists(target) and inside.split("/")[0] in ("docs", "README.md", "CHANGELOG.md", "LICENSE"):
            bad.append(f"{os.path.relpath(page, root)}: {link}")
print(*bad[:10], sep="\n", end="")
assert n > 20, n
sys.exit(bool(bad))
PY

# --- uninstall: all of it, and nothing of others ---
echo mine >"$D/opt/redoubt/share/doc/redoubt/of-others"
run_make uninstall
[ "$(find "$D" -type f)" = "$D/opt/redoubt/share/doc/redoubt/of-others" ] || fail "left: $(find "$D" -type f | head -3)"
run_make install
rm "$D/opt/redoubt/share/doc/redoubt/of-others"
run_make uninstall
[ -e "$D/opt/redoubt/share/doc/redoubt" ] && fail "our folder stayed"
expect 2 make uninstall LIST="$T/installed.txt"
says "nothing was installed from here"
# A stage may be named from here.
mkdir "$T/near"
ln -s "$PWD"/* "$T/near/"
(cd "$T/near" && expect 0 make -o build install BUILD="$BUILD" LIST="$T/installed.txt" PREFIX=/usr DESTDIR=stage &&
    expect 0 make uninstall LIST="$T/installed.txt" && [ -z "$(find stage -type f)" ]) || fail "a relative DESTDIR"
# A list that is none of ours removes nothing.
printf '%s\nprecious\n' "$T/precious" >"$T/list"
: >"$T/precious"
expect 3 tools/uninstall "$T/list"
[ -e "$T/precious" ] && [ -e "$T/list" ] || fail "a wrong list removed something"
finish
