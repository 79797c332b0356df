#!/usr/bin/env bash
# No room, no permission: exit 4, a message with the file's name, nothing half-written.
. "$(dirname "$0")/lib/common.bash"

# A file-size limit stands for a disk that fills up in the middle of a file.
(ulimit -f 200; exec "$REDOUBT" init image-classifier "$T/small" --quiet) >"$T/out" 2>"$T/err"
code=$?
[ "$code" -eq 4 ] || fail "a full disk ended init with $code"
says "File too large"
[ -e "$T/small/redoubt.yaml" ] && fail "an unfinished init left a redoubt.yaml"
[ -z "$(find "$T/small" -name '*.tmp')" ] || fail "a temporary file was left"

if mkdir "$T/tiny" && mount -t tmpfs -o size=2m none "$T/tiny" 2>/dev/null; then
    expect 4 "$REDOUBT" init image-classifier "$T/tiny/x" --quiet
    says "No space left on device"
    umount "$T/tiny"
fi

# A folder that may not be written: tried as nobody when we are root.
mkdir "$T/closed" && cp tests/fixtures/system/full.yaml "$T/closed/redoubt.yaml" && chmod 555 "$T/closed"
chmod 755 "$T"
as=()
[ "$(id -u)" -eq 0 ] && as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
cp "$REDOUBT" "$T/redoubt" && chmod 755 "$T/redoubt"
expect 4 "${as[@]}" "$T/redoubt" init image-classifier "$T/closed/inside" --quiet
says "Permission denied"
expect 4 "${as[@]}" "$T/redoubt" assess "$T/closed" --allow-outside
says "cannot"
finish
