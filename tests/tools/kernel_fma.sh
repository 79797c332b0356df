#!/usr/bin/env bash
# The kernels hold fused multiply-adds (a compiler flag can switch them off silently), and nothing else does.
set -u
command -v objdump >/dev/null || { echo "skipped: objdump is not installed"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "skipped: not an x86-64 build"; exit 77; }
count() { objdump -d --no-show-raw-insn "$1" | grep -c 'vfn\?m\(add\|sub\)'; }
object() { find "$BUILD" -path "*$1.dir*" -name "$2.c.o" | head -n 1; }
failed=0
# One for each row and vector of a tile: 6 * 7 / 2 * 3 with AVX2's 6 rows, 14 * 15 / 2 * 3 with 14; as many at least for
# the tiles that slide, R rows by three columns of the kernel.
for want in avx2:126 avx512:630; do
  file=$(object "rd_kernel_${want%:*}" rows)
  [ -n "$file" ] || { echo "no object of ${want%:*} in $BUILD"; failed=1; continue; }
  found=$(count "$file")
  echo "${want%:*}: $found fused multiply-adds, at least ${want#*:} expected"
  [ "$found" -ge "${want#*:}" ] || failed=1
done
for none in rd_kernel_sse2:rows rd_kernel_sse2:vec rd_tensor:kernel_ref rd_tensor:sgemm rd_tensor:conv; do
  file=$(object "${none%:*}" "${none#*:}")
  [ -n "$file" ] || { echo "no object ${none#*:} in $BUILD"; failed=1; continue; }
  found=$(count "$file")
  [ "$found" -eq 0 ] || { echo "${none#*:}: $found fused multiply-adds where none may be"; failed=1; }
done
exit $failed
