"""typed.py - a person at a terminal: start a program on a pseudo terminal, type, print what the screen got.

  typed.py [--rows N] [--until TEXT] [--seconds S] KEYS COMMAND...

KEYS is typed once the program has been quiet for a moment; \\t, \\r, \\x03 and the like are understood, and \\p is a
pause. Ends when TEXT was seen after the keys, when the program ends, or after S seconds; then the program is
killed. Prints what came, control sequences left in, and exits as the program did (0 when it was killed).
"""
import argparse, codecs, fcntl, os, pty, select, signal, struct, sys, termios, time

p = argparse.ArgumentParser()
p.add_argument("--rows", type=int, default=24)
p.add_argument("--columns", type=int, default=100)
p.add_argument("--until")
p.add_argument("--seconds", type=float, default=10)
p.add_argument("keys")
p.add_argument("command", nargs=argparse.REMAINDER)
a = p.parse_args()
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", a.rows, a.columns, 0, 0)) # before it can ask
    os.execvp(a.command[0], a.command)
seen = b""
end = time.time() + a.seconds


def read(quiet):
    """What comes until it is quiet for so long; False at the end."""
    global seen
    while time.time() < end:
        if not select.select([fd], [], [], quiet)[0]:
            return True
        try:
            got = os.read(fd, 65536)
        except OSError:
            got = b""
        if not got:
            return False
        seen += got
        if a.until and typed and a.until.encode() in seen[typed:]:
            return False
    return False


typed = 0
alive = True
if a.keys:
    alive = read(0.4)
    for part in codecs.decode(a.keys.replace("\\p", "\0"), "unicode_escape").split("\0"):
        if not alive:
            break
        typed = typed or len(seen) or 1
        os.write(fd, part.encode())
        alive = read(0.4)
while alive and time.time() < end:
    alive = read(0.5)
status = None
for _ in range(20):
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        break
    time.sleep(0.02)
else:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    status = 0
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(status) if status else 0)
