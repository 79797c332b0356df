#!/usr/bin/env bash
# Models of other libraries as a script sees them: scores, targets' files kept as ONNX, refusals; weights of safetensors.
set -uo pipefail
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
trees=tests/fixtures/trees
bad=0

fail() {
    echo "FAILED: $1"
    bad=1
}

for model in xgb_binary.json xgb_dart.ubj lgb_sets.txt cat_multiclass.json; do
    "$REDOUBT" model info "$trees/$model" >"$scratch/info" || fail "model info $model"
    grep -q 'features: float32 (batch, 6)' "$scratch/info" || fail "inputs of $model"
    cp "$trees/$model" "$scratch/no-name"
    "$REDOUBT" model run "$scratch/no-name" --input $trees/x.npy --output "$scratch/y.npy" \
        --save-model "$scratch/m.onnx" >/dev/null || fail "model run $model"
    "$REDOUBT" model run "$scratch/m.onnx" --input $trees/x.npy --output "$scratch/z.npy" >/dev/null ||
        fail "model run of $model as ONNX"
    grep -aq features_wide "$scratch/m.onnx" || fail "$model as ONNX mixes types"
    cmp -s "$scratch/y.npy" "$scratch/z.npy" || fail "$model and its ONNX differ"
done

printf '\x80\x04\x95pickle' >"$scratch/m.pkl"
"$REDOUBT" model info "$scratch/m.pkl" 2>"$scratch/err" && fail 'a pickle was read'
grep -q 'this is a pickle' "$scratch/err" && grep -q 'torch.onnx.export' "$scratch/err" || fail 'hint of a pickle'

"$REDOUBT" model run fuzz/corpus/onnx/mlp.onnx --weights fuzz/corpus/safetensors/dense --input $trees/x.npy \
    2>"$scratch/err" >/dev/null && fail 'weights without a common name were taken'
grep -q 'none of its 2 tensors' "$scratch/err" || fail "names that do not meet: $(cat "$scratch/err")"
exit $bad
