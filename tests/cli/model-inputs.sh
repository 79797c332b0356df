#!/usr/bin/env bash
# How inputs of a model are bound: arrays of an .npz and columns of a .csv by name, single files, strings out, tensors inside
# a graph; and what is said when names, rows, types or cells do not fit.
. "$(dirname "$0")/lib/common.bash"
python3 - "$T" <<'PY' || fail "the fixtures"
import struct, sys, zipfile
T = sys.argv[1]

def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])
def part(key, value):
    if isinstance(value, int):
        return varint(key << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(key << 3 | 2) + varint(len(value)) + value
def value(name, kind, *dims):
    shape = b"".join(part(1, part(2, d) if isinstance(d, str) else part(1, d)) for d in dims)
    return part(1, name) + part(2, part(1, part(1, kind) + part(2, shape)))
def node(op, inputs, outputs):
    return b"".join(part(1, i) for i in inputs) + b"".join(part(2, o) for o in outputs) + part(4, op)
def model(path, nodes, inputs, outputs, weights=()):
    graph = b"".join(part(1, n) for n in nodes) + part(2, "g") + b"".join(part(5, w) for w in weights)
    graph += b"".join(part(11, i) for i in inputs) + b"".join(part(12, o) for o in outputs)
    open(f"{T}/{path}", "wb").write(part(1, 8) + part(7, graph) + part(8, part(1, "") + part(2, 17)))
FLOAT, INT64, STRING, BOOL = 1, 7, 8, 9

# y = age + weight, and everything else as it came
model("people.onnx", [node("Add", ["age", "weight"], ["y"]), node("Identity", ["name"], ["who"]),
                      node("Identity", ["visits"], ["times"]), node("Identity", ["member"], ["is"])],
      [value("age", FLOAT, "n", 1), value("weight", FLOAT, "n", 1), value("name", STRING, "n", 1), value("visits", INT64, "n"),
       value("member", BOOL, "n", 1)],
      [value("y", FLOAT, "n", 1), value("who", STRING, "n", 1), value("times", INT64, "n"), value("is", BOOL, "n", 1)])
# words (n, 2) of a table (4, 3), summed over each text to three scores
table = part(1, 4) + part(1, 3) + part(2, FLOAT) + part(8, "table") + part(9, struct.pack("<12f", *range(12)))
model("text.onnx", [node("Gather", ["table", "ids"], ["words"]), node("ReduceSum", ["words", "axes"], ["scores"]) +
                    part(5, part(1, "keepdims") + part(3, 0) + part(20, 2))],
      [value("ids", INT64, "n", 2)], [value("scores", FLOAT, "n", 3)],
      [table, part(1, 1) + part(2, INT64) + part(8, "axes") + part(9, struct.pack("<q", 1))])
model("matrix.onnx", [node("Neg", ["x"], ["y"])], [value("x", FLOAT, "n", 3)], [value("y", FLOAT, "n", 3)])

# a batch of exactly two rows; and x where all its rows together sum to more than 100, -x otherwise
model("pairs.onnx", [node("Neg", ["x"], ["y"])], [value("x", FLOAT, 2, 3)], [value("y", FLOAT, 2, 3)])
model("pairs2.onnx", [node("Neg", ["x"], ["y"]), node("Abs", ["x"], ["z"])], [value("x", FLOAT, 2, 3)],
      [value("y", FLOAT, 2, 3), value("z", FLOAT, 2, 3)])
def branch(name, op):
    graph = part(1, node(op, ["x"], [name])) + part(2, name) + part(12, value(name, FLOAT, "n", 3))
    return part(5, part(1, name + "_branch") + part(6, graph) + part(20, 5))
model("together.onnx", [node("ReduceSum", ["x"], ["s"]) + part(5, part(1, "keepdims") + part(3, 0) + part(20, 2)),
                        node("Greater", ["s", "bound"], ["c"]),
                        node("If", ["c"], ["y"]) + branch("then", "Identity") + branch("else", "Neg")],
      [value("x", FLOAT, "n", 3)], [value("y", FLOAT, "n", 3)], [part(2, FLOAT) + part(8, "bound") + part(9, struct.pack("<f", 100))])
# a bound that takes x's type, and nothing else of it
model("like.onnx", [node("CastLike", ["bound", "x"], ["low"]), node("Clip", ["x", "low"], ["y"])],
      [value("x", FLOAT, "n", 3)], [value("y", FLOAT, "n", 3)], [part(2, FLOAT) + part(8, "bound") + part(9, struct.pack("<f", 6.5))])
# the first column, out of a sequence, so that its type is known only when it runs; 0 where it is no number
model("pieces.onnx", [node("SplitToSequence", ["x"], ["all"]) + part(5, part(1, "axis") + part(3, 1) + part(20, 2)),
                      node("SequenceAt", ["all", "at"], ["p"]), node("IsNaN", ["p"], ["odd"]), node("Where", ["odd", "zero", "p"], ["q"]),
                      node("Shape", ["q"], ["s"]), node("Reshape", ["q", "s"], ["y"])],
      [value("x", FLOAT, "n", 3)], [value("y", FLOAT, "n", 1)],
      [part(2, INT64) + part(8, "at") + part(9, struct.pack("<q", 0)), part(2, FLOAT) + part(8, "zero") + part(9, struct.pack("<f", 0))])
# a sum over two inputs of any lengths
model("lengths.onnx", [node("ReduceSum", ["age"], ["s"]), node("ReduceSum", ["weight"], ["t"]), node("Add", ["s", "t"], ["y"])],
      [value("age", FLOAT, "a", 1), value("weight", FLOAT, "b", 1)], [value("y", FLOAT, 1, 1)])

def npy(descr, shape, code, *values):
    head = ("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, shape)).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack(f"<{len(values)}{code}", *values)
def npz(path, **arrays):
    with zipfile.ZipFile(f"{T}/{path}", "w") as z:
        for name, data in arrays.items():
            z.writestr(name + ".npy", data)
def save(path, data):
    open(f"{T}/{path}", "wb").write(data)
age, weight = npy("<f4", "2, 1", "f", 30, 40), npy("<f4", "2, 1", "f", 1.5, 2.5)
npz("numbers.npz", age=age, weight=weight, visits=npy("<i4", "2,", "i", 7, -8), member=npy("|b1", "2, 1", "B", 1, 0))
npz("two.npz", age=age, weigth=weight)
save("weight.npy", weight)
save("weight3.npy", npy("<f4", "3, 1", "f", 1, 2, 3))
save("three.npy", npy("<f4", "3, 3", "f", 1, 2, 3, 40, 50, -6, 7, 8, 9))
save("three-c.npy", npy("<f4", "3, 3", "f", 1, 2, 3, 4, 5, 6, 7, 8, 9))
save("ids32.npy", npy("<i4", "2, 2", "i", 0, 3, 1, 1))
save("idsf.npy", npy("<f4", "2, 2", "f", 0, 3, 1, 1))
save("idsbig.npy", npy("<u8", "2, 2", "Q", 0, 3, 1, 2**63))
save("labels.npy", npy("<i8", "2,", "q", 0, 2))
save("cot.npy", npy("<f4", "2, 3", "f", 1, 2, 3, 4, 5, 6))
PY

# --- what works ---
printf 'age,weight,name,visits,member\n30,1.5,"Ada, ""L."" ",7,true\n ,2.5,,-8,0\n' >"$T/people.csv"
expect 0 "$REDOUBT" model run "$T/people.onnx" --input "$T/people.csv" --output "$T/y.txt" --output "who=$T/who.txt" \
    --output "times=$T/times.txt" --output "is=$T/is.txt"
says 'empty cells'
[ "$(cat "$T/y.txt")" = $'31.5\nnan' ] || fail "sums: $(cat "$T/y.txt")"
[ "$(cat -A "$T/who.txt")" = $'Ada, "L." $\n$' ] || fail "strings: $(cat -A "$T/who.txt")"
[ "$(cat "$T/times.txt")" = $'7\n-8' ] || fail "integers: $(cat "$T/times.txt")"
[ "$(cat "$T/is.txt")" = $'1\n0' ] || fail "truth values: $(cat "$T/is.txt")"
tr , ';' <"$T/people.csv" | sed 's/Ada;/Ada,/' >"$T/semicolons.csv"
expect 0 "$REDOUBT" model run "$T/people.onnx" --input "$T/semicolons.csv" --output "who=$T/who2.txt"
cmp -s "$T/who.txt" "$T/who2.txt" || fail "another separator gives other words"
printf 'age,weight,name,visits,member\n1,2,a,3,1\n4,5,b,6,0\n' | tee "$T/all.csv" | cut -d, -f1,2,4,5 >"$T/rest.csv"
printf 'name\nx y\nz\n' >"$T/name.csv"
expect 0 "$REDOUBT" model run "$T/people.onnx" --input "$T/numbers.npz" --input "$T/name.csv" --output "$T/y.txt" --output "times=$T/times.txt"
[ "$(cat "$T/y.txt")" = $'31.5\n42.5' ] || fail "an archive: $(cat "$T/y.txt")"
[ "$(cat "$T/times.txt")" = $'7\n-8' ] || fail "int32 for int64: $(cat "$T/times.txt")"
printf 'a,b,c\n1,2,3\n4,5,-6\n' >"$T/matrix.csv"
expect 0 "$REDOUBT" model run "$T/matrix.onnx" --input "x=$T/matrix.csv" --output "$T/y.txt"
[ "$(cat "$T/y.txt")" = $'-1 -2 -3\n-4 -5 6' ] || fail "a matrix: $(cat "$T/y.txt")"

expect 0 "$REDOUBT" model run "$T/matrix.onnx" --input "$T/matrix.csv" --output "$T/y.txt" # its only input, and as wide
[ "$(cat "$T/y.txt")" = $'-1 -2 -3\n-4 -5 6' ] || fail "a matrix without a name: $(cat "$T/y.txt")"
# Columns in any order, some that the model does not want, blanks around names, CRLF, a byte order mark, lines behind the end.
{ printf '\357\273\277id,name, weight ,"age","a;b;c;d;e;f;g;h",member,visits\r\n'
  printf '1,"two\nlines",2,1,x,1,3\r\n2,,5,4,y,0,9223372036854775807\r\n\r\n'; } >"$T/odd.csv"
expect 0 "$REDOUBT" model run "$T/people.onnx" --input "$T/odd.csv" --output "$T/y.txt" --output "times=$T/times.txt"
says "2 of its columns or arrays are no inputs of the model and are left out, first 'id'"
[ "$(cat "$T/y.txt" "$T/times.txt")" = $'3\n9\n3\n9223372036854775807' ] || fail "an odd table: $(cat "$T/y.txt" "$T/times.txt")"

# --- rows: in blocks where the model fixes how many, all at once where they may depend on each other ---
expect 0 "$REDOUBT" model run "$T/pairs.onnx" --input "$T/three.npy" --output "$T/y.txt"
[ "$(cat "$T/y.txt")" = $'-1 -2 -3\n-40 -50 6\n-7 -8 -9' ] || fail "three rows in pairs: $(cat "$T/y.txt")"
expect 0 "$REDOUBT" model grad "$T/pairs.onnx" --input "$T/three.npy" --cotangent "$T/three-c.npy" --output "$T/g.txt"
[ "$(cat "$T/g.txt")" = $'-1 -2 -3\n-4 -5 -6\n-7 -8 -9' ] || fail "their gradients: $(cat "$T/g.txt")"
expect 3 "$REDOUBT" model run "$T/pairs2.onnx" --input "$T/three.npy"
says "input 'x' has shape (2, 3)"
expect 0 "$REDOUBT" model run "$T/together.onnx" --input "$T/three.npy" --output "$T/y.txt"
[ "$(cat "$T/y.txt")" = $'1 2 3\n40 50 -6\n7 8 9' ] || fail "rows that depend on each other: $(cat "$T/y.txt")"
expect 0 "$REDOUBT" model grad "$T/together.onnx" --input "$T/three.npy" --cotangent "$T/three-c.npy" --output "$T/g.txt"
[ "$(cat "$T/g.txt")" = $'1 2 3\n4 5 6\n7 8 9' ] || fail "their gradients: $(cat "$T/g.txt")"

printf 'age\n30\n40\n' >"$T/age.csv"
expect 0 "$REDOUBT" model run "$T/lengths.onnx" --input "$T/age.csv" --input "weight=$T/weight3.npy" --output "$T/y.txt"
[ "$(cat "$T/y.txt")" = 76 ] || fail "inputs of other lengths: $(cat "$T/y.txt")"

# --- values that are no tensors ---
corpus=$(dirname "$0")/../../fuzz/corpus/onnx
expect 0 "$REDOUBT" model info "$corpus/flow-map.onnx"
says 'q: sequence of float32'
expect 0 "$REDOUBT" model info "$corpus/flow-optional.onnx"
says 'p: optional of float32 (2)'

# --- the gradient inside ---
expect 0 "$REDOUBT" model grad "$T/text.onnx" --input "$T/ids32.npy" --cotangent "$T/cot.npy" --wrt words --output "$T/g.txt"
[ "$(cat "$T/g.txt")" = $'1 2 3\n1 2 3\n4 5 6\n4 5 6' ] || fail "words: $(cat "$T/g.txt")"
expect 0 "$REDOUBT" model grad "$T/text.onnx" --input "$T/ids32.npy" --cotangent "$T/cot.npy" --wrt words --wrt table --output "table=$T/g.txt"
[ "$(cat "$T/g.txt")" = $'1 2 3\n8 10 12\n0 0 0\n1 2 3' ] || fail "table: $(cat "$T/g.txt")"
expect 0 "$REDOUBT" model grad "$T/text.onnx" --input "$T/ids32.npy" --labels "$T/labels.npy" --wrt words
expect 2 "$REDOUBT" model grad "$T/text.onnx" --input "$T/ids32.npy" --labels "$T/labels.npy"
says 'words come out of: words'
expect 2 "$REDOUBT" model grad "$T/text.onnx" --input "$T/ids32.npy" --labels "$T/labels.npy" --wrt wordz
says "did you mean 'words'?"
expect 2 "$REDOUBT" model grad "$T/text.onnx" --input "$T/ids32.npy" --labels "$T/labels.npy" --wrt ids
says "tensor 'ids' is int64: it has no gradient"
expect 2 "$REDOUBT" model grad "$T/text.onnx" --input "$T/ids32.npy" --labels "$T/labels.npy" --wrt words --wrt words
says "is given twice"
expect 2 "$REDOUBT" model grad "$T/people.onnx" --input "$T/people.csv" --cotangent "$T/cot.npy" --wrt who
says "it has no gradient"

expect 0 "$REDOUBT" model grad "$T/like.onnx" --input "$T/three.npy" --cotangent "$T/three-c.npy" --wrt x --output "$T/g.txt"
[ "$(cat "$T/g.txt")" = $'0 0 0\n4 5 0\n7 8 9' ] || fail "a bound of x's type: $(cat "$T/g.txt")"
expect 0 "$REDOUBT" model grad "$T/pieces.onnx" --input "$T/three.npy" --cotangent "$T/weight3.npy" --wrt x --output "$T/g.txt"
[ "$(cat "$T/g.txt")" = $'1 0 0\n2 0 0\n3 0 0' ] || fail "types that are known late: $(cat "$T/g.txt")"

# --- what does not fit ---
expect 3 "$REDOUBT" model run "$T/people.onnx" --input "$T/two.npz"
says "no input 'weigth'"
says "did you mean 'weight'? There are: age, weight, name, visits, member"
expect 2 "$REDOUBT" model run "$T/people.onnx" --input "$T/numbers.npz"
says "input 'name' of the model is not given"
expect 2 "$REDOUBT" model run "$T/people.onnx" --input "$T/people.csv" --input "weight=$T/weight.npy"
says "two files for input 'weight'"
expect 2 "$REDOUBT" model run "$T/people.onnx" --input "$T/people.csv" --input "$T/weight.npy"
says "a file too many"
expect 3 "$REDOUBT" model run "$T/people.onnx" --input "$T/rest.csv" --input "name=$T/matrix.csv"
says "input 'name' is string (n, 1)"
sed 1s/weight/height/ "$T/people.csv" >"$T/bad.csv"
expect 3 "$REDOUBT" model run "$T/people.onnx" --input "$T/bad.csv"
says "no input 'height'"
says "has a column or array that is no input of the model"
sed '1s/$/,age/; 2,$s/$/,1/' "$T/people.csv" >"$T/bad.csv"
expect 3 "$REDOUBT" model run "$T/people.onnx" --input "$T/bad.csv"
says "has two columns or arrays for input 'age'"
cut -d, -f1,3,4,5 "$T/all.csv" >"$T/most.csv"
expect 3 "$REDOUBT" model run "$T/people.onnx" --input "weight=$T/weight3.npy" --input "$T/most.csv"
says "dimension 'n' is 3 in input 'weight' but 2 in an earlier one"
expect 3 "$REDOUBT" model run "$T/people.onnx" --input "$T/rest.csv" --input "$T/nowhere.csv"
says nowhere.csv
for change in 's/^30/old/:wants float32, the cell is' 's/,7,/,7.5,/:wants int64, the cell is' 's/,7,/,,/:the cell is empty' \
    's/true/yes/:wants bool' 's/^30/1e39/:wants float32'; do
    sed "${change%%:*}" "$T/people.csv" >"$T/bad.csv"
    expect 3 "$REDOUBT" model run "$T/people.onnx" --input "$T/bad.csv"
    says "line 2, column"
    says "${change#*:}"
done
: >"$T/empty.csv"
expect 3 "$REDOUBT" model run "$T/people.onnx" --input "$T/empty.csv"
says "is no .npy, .npz or .csv file"
head -n 1 "$T/people.csv" >"$T/bad.csv"
expect 3 "$REDOUBT" model run "$T/people.onnx" --input "$T/bad.csv"
says "no row below its header line"
cut -d, -f1,2 "$T/matrix.csv" >"$T/bad.csv"
expect 3 "$REDOUBT" model run "$T/matrix.onnx" --input "$T/bad.csv"
says "no input 'a'"
sed 's/^1,/inf,/' "$T/matrix.csv" >"$T/bad.csv"
expect 3 "$REDOUBT" model run "$T/matrix.onnx" --input "$T/bad.csv"
says "holds an infinity in column 1"
expect 3 "$REDOUBT" model run "$T/text.onnx" --input "$T/idsf.npy"
says "input 'ids' must be int64, the data is float32"
expect 3 "$REDOUBT" model run "$T/text.onnx" --input "$T/idsbig.npy"
says "input 'ids' wants int64"
expect 2 "$REDOUBT" model run "$T/text.onnx" --input "idz=$T/ids32.npy"
says "did you mean 'ids'?"
expect 2 "$REDOUBT" model run "$T/text.onnx" --input "$T/ids32.npy" --output "score=$T/y.npy"
says "did you mean 'scores'?"
expect 2 "$REDOUBT" model run "$T/people.onnx" --input "$T/people.csv" --output "who=$T/y.npy"
says "write it as .txt"
printf 'name,age,weight,visits,member\n"two\nlines",1,2,3,1\n' >"$T/lines.csv"
expect 2 "$REDOUBT" model run "$T/people.onnx" --input "$T/lines.csv" --output "who=$T/who.txt"
says "has a line break"
finish
