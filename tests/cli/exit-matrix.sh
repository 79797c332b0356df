#!/usr/bin/env bash
# Every command that `help --json` lists against the contract of docs/exit-codes.md: no argument, an unknown option, files
# that are not there, may not be opened, are folders or hold nonsense, a standard output that is closed, full or that
# nobody reads, and signals. A new command is tried by itself: its synopsis says what its arguments are.
. "$(dirname "$0")/lib/common.bash"
unset NO_COLOR CLICOLOR_FORCE REDOUBT_ISA REDOUBT_LOG
expect 0 "$REDOUBT" init recommender "$T/made"
mkdir "$T/demo"
cat >"$T/demo/redoubt.yaml" <<'YAML'
version: 1
name: experts' numbers, nothing to attack
currency: USD
elements: [{id: api, type: inference-api}]
assets: [{id: copy, of: api, value: {low: 100000, high: 1000000, provenance: expert, by: finance, date: 2026-11-01}}]
actors: [{id: outsider, access: [labels], budget: 100, gain: {low: 500, high: 5000}}]
risk:
  scenarios:
    - id: breach
      threat: model-extraction@api
      actor: outsider
      attempts_per_year: 0.2
      susceptibility: {low: 0.2, high: 0.6, provenance: expert, by: red team, date: 2026-11-01}
      per_loss: {low: 100000, high: 1000000}
YAML
python3 - "$REDOUBT" "$T" <<'PY' || failures=$((failures + 1))
import json, os, shutil, signal, subprocess, sys, time

redoubt, T = sys.argv[1:]
demo, made = f"{T}/demo", f"{T}/made"
failed = 0
NOBODY = dict(stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")


def fail(text):
    global failed
    failed += 1
    print("FAILED:", text)


def run(words, stdout=subprocess.DEVNULL, **more):
    done = subprocess.run([redoubt, *words], stdout=stdout, timeout=120, **NOBODY, **more)
    return done.returncode, done.stderr


def want(code, words, said=None, silent=False, **more):
    got, err = run(words, **more)
    codes = code if isinstance(code, tuple) else (code,)
    if got not in codes:
        fail(f"exit {got}, wanted {code}: redoubt {' '.join(words)}: {err[-300:]}")
    elif said is not None and said not in err:
        fail(f"not said: {said}: redoubt {' '.join(words)}: {err[-300:]}")
    if not silent and got in (2, 4) and "redoubt:" not in err:
        fail(f"no error line: redoubt {' '.join(words)}: {err[-300:]}")
    return err


# --- bad files, one of each kind ---
os.mkdir(f"{T}/folder")
with open(f"{T}/nonsense", "wb") as f:
    f.write(b"{\x00\xff: [\n")
open(f"{T}/empty", "wb").close()
os.symlink("round", f"{T}/round")
os.mkfifo(f"{T}/fifo")
with open(f"{T}/locked", "w", encoding="utf-8") as f:
    f.write("version: 1\n")
os.chmod(f"{T}/locked", 0)
BAD = ["not/there", "folder", "nonsense", "empty", "round", "fifo"] + ([] if os.getuid() == 0 else ["locked"])

# --- what a word of a synopsis stands for; FILES are those that a bad one takes the place of ---
FILES = {"FILE": demo, "FILE|DIR": demo, "DIR": demo, "MODEL.onnx": f"{made}/model.onnx", "M.onnx": f"{made}/model.onnx",
         "GRAPH.onnx": f"{made}/net.onnx", "PATH": f"{made}/eval-x.npy"}
WORDS = {"THREAT": "model-extraction@api", "RULE": "evasion", "RULE|CONTROL": "rounding", "ATTACK": "pgd", "TEMPLATE": "recommender",
         "COMMAND": "check"}
x, y = f"{made}/eval-x.npy", f"{made}/eval-y.npy"
sheet = f"{T}/answers.yaml"
SHEET = "workshop: 1\nname: Ann\ndate: 2026-11-25\nanswers: []\n"
# What besides its arguments a command needs in order to do something, and little of it.
MORE = {
    "init": lambda: [fresh("init")],
    "assess": lambda: ["--estimate"],
    "report": lambda: ["--markdown", f"{T}/made.md"],
    "risk": lambda: ["--draws", "200", "--years", "100"],
    "roadmap": lambda: ["--no-confirm", "--draws", "200", "--years", "100"],
    "workshop": lambda: ["--answers", f"{T}/made.yaml"],
    "workshop merge": lambda: [sheet, "--dry-run"],
    "model run": lambda: ["--input", x],
    "model grad": lambda: ["--input", x, "--labels", y],
    "model train": lambda: ["--data", x, "--labels", y, "--epochs", "1", "-o", f"{T}/trained.onnx"],
    "data screen": lambda: ["--train", x, "--train-labels", y, "--model", f"{made}/model.onnx", "--method", "duplicates"],
    "attack run": lambda: ["--target", f"{made}/model.onnx", "--input", x, "--labels", y, "--set", "steps=2"],
}
# Those that say by themselves what is wrong: a finding of theirs.
FINDS = {"doctor": 1}
# Until stopped: nothing to print to a closed output.
SERVES = {"model serve"}
counter = 0


def fresh(name):
    global counter
    counter += 1
    return f"{T}/{name}{counter}"


def positional(command):
    """The words of a synopsis before the first option: [(word, needed)]"""
    found = []
    for word in command["synopsis"].split(" | ")[0].split():
        if word.lstrip("[(").startswith("-") or word == "|":
            break
        found.append((word.strip("[]").removesuffix("..."), not word.startswith("[")))
    return found


def name_has_file(command):
    return command["name"] != "init"  # its DIR is made, not read


def arguments(command, bad=None):
    """A command line that works, or None; with bad in place of its file."""
    words = command["name"].split()
    for word, needed in positional(command):
        if word in FILES and (needed or name_has_file(command)):
            words.append(bad or FILES[word])
        elif not needed or word == "ANSWERS":
            continue  # MORE gives it
        elif word in WORDS:
            words.append(WORDS[word])
        elif "|" in word:
            words.append(word.split("|")[0])
        else:
            return None
    if command["name"] == "doctor" and bad is None:
        words.remove(demo)
    return words + MORE.get(command["name"], list)()


def takes_file(command):
    return any(word in FILES for word, _ in positional(command)) and name_has_file(command)


listed = json.loads(subprocess.run([redoubt, "help", "--json"], capture_output=True, text=True, check=True).stdout)
commands = listed["result"]["commands"]
assert len(commands) > 20, len(commands)
with open(sheet, "w", encoding="utf-8") as f:
    f.write(SHEET)

for c in commands:
    name, words = c["name"], c["name"].split()
    real = arguments(c)
    if real is None:
        fail(f"{name}: what is one of the arguments in '{c['synopsis']}'? add it to WORDS, FILES or MORE")
        continue
    # --- the command line ---
    if any(needed for _, needed in positional(c)):
        want(2, words, "usage: redoubt")
    want(2, words + ["--no-such-option"], "has no option --no-such-option")
    want(2, words + ["--threads"], "--threads")
    want(2, words + ["--threads", "many"], "many")
    want(2, words + ["a"] * 70)
    # --- files ---
    if takes_file(c):
        for bad in BAD:
            wanted = (3, FINDS[name]) if name in FINDS else 3
            err = want(wanted, arguments(c, f"{T}/{bad}"))
            if not err and name not in FINDS and name != "check":
                fail(f"{name} says nothing about {bad}")
    # --- standard output ---
    if name in SERVES:
        real = words + ["--help"]
    code, err = run(real)
    if code not in (0, 1):
        fail(f"exit {code}: redoubt {' '.join(real)}: {err[-300:]}")
        continue
    for line in (real, real + ["--json"], words + ["--help"]):
        def again():
            return arguments(c) + line[len(real):] if name == "init" and line[:len(real)] == real else line
        shown = subprocess.run([redoubt, *again()], stdout=subprocess.PIPE, **NOBODY)
        if not shown.stdout:
            continue  # it wrote files alone
        with open("/dev/full", "w", encoding="utf-8") as full:
            want(4, again(), "cannot write the result: No space left on device", stdout=full)
        want(4, again(), "cannot write the result", stdout=None, preexec_fn=lambda: os.close(1))
        ours, theirs = os.pipe()
        os.close(ours)
        err = want(4, again(), silent=True, stdout=theirs)
        os.close(theirs)
        if "redoubt:" in err:
            fail(f"a broken pipe is not silent: redoubt {' '.join(line)}: {err[-200:]}")

# --- signals: every command ends by itself, the long ones with 4 ---
LONG = [
    ["assess", made],
    ["roadmap", made],
    ["init", "image-classifier", f"{T}/cut"],
    ["risk", demo, "--draws", "1000", "--years", "50000"],
    ["model", "train", f"{made}/net.onnx", "--data", x, "--labels", y, "--epochs", "100000", "-o", f"{T}/cut.onnx"],
    ["attack", "run", "pgd", "--target", f"{made}/model.onnx", "--input", x, "--labels", y, "--set", "steps=1000",
     "--set", "restarts=20"],
]


def catches(child, number):
    """Whether the program has put up its handler; a busy machine may take long to start it."""
    try:
        with open(f"/proc/{child.pid}/status", encoding="utf-8") as status:
            caught = next((line.split()[1] for line in status if line.startswith("SigCgt:")), "0")
    except OSError:
        return True
    return bool(int(caught, 16) >> (number - 1) & 1) or child.poll() is not None


def interrupted(words, number, after):
    child = subprocess.Popen([redoubt, *words], stdout=subprocess.DEVNULL, **NOBODY)
    until = time.time() + 20
    while not catches(child, number) and time.time() < until:
        time.sleep(0.002)
    time.sleep(after)
    child.send_signal(number)
    began = time.time()
    try:
        _, err = child.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return None, "", 20
    return child.returncode, err, time.time() - began


for number in (signal.SIGINT, signal.SIGTERM):
    for words in LONG:
        shutil.rmtree(f"{T}/cut", ignore_errors=True)
        shutil.rmtree(f"{made}/.redoubt", ignore_errors=True)
        code, err, took = interrupted(words, number, 0.5)
        if code != 4 or took > 10:
            fail(f"{number.name}: exit {code} after {took:.1f} s: redoubt {' '.join(words)}: {err[-300:]}")
        elif "redoubt:" not in err or "Traceback" in err:
            fail(f"{number.name}: no line says why: redoubt {' '.join(words)}: {err[-300:]}")
    for c in commands:
        real = arguments(c)
        if real and c["name"] not in SERVES:
            code, err, took = interrupted(real, number, 0.1)
            if code not in (0, 1, 4) or took > 10:
                fail(f"{number.name}: exit {code} after {took:.1f} s: redoubt {' '.join(real)}: {err[-300:]}")
if failed:
    sys.exit(f"{failed} of the matrix failed")
PY
finish
