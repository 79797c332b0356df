/*
 * process.c - a program that speaks JSON lines: {"id": 1, "rows": [[...]]} in, {"id": 1, "scores":
 * [[...]]} or "labels" out.
 *
 * One request at a time, so that an answer with another id is a mistake and nothing else. A process
 * that was late, died or wrote nonsense is not asked again.
 */
#include "target/wire.h"

#include "base/child.h"

#include <poll.h>
#include <string.h>

struct process {
    struct rd_wire *wire;
    struct rd_talker *talker;
    uint64_t id; /* of the last request */
};

static bool go_on(void *user)
{
    struct rd_wire *wire = user;

    return !wire->run.step || wire->run.step(wire->run.user, "asking the target", 0, 1);
}

static rd_status wait_for_rate(struct rd_wire *wire, struct rd_error *err)
{
    rd_status st = rd_wire_go_on(wire, err);
    int64_t wait;

    while (!st && (wait = rd_meter_wait(&wire->meter, rd_now_ms())) > 0) {
        (void)poll(NULL, 0, wait < 50 ? (int)wait : 50);
        st = rd_wire_go_on(wire, err);
    }
    return st;
}

static rd_status ask_one(
    struct process *p, struct rd_ask *ask, struct rd_arena *arena, struct rd_error *err)
{
    struct rd_wire *wire = p->wire;
    const size_t limit = rd_form_ceiling(&wire->form, ask->n);
    struct rd_buf line = { 0 };
    struct rd_bytes answer;
    rd_status st = wait_for_rate(wire, err);

    if (!st)
        st = rd_meter_afford(&wire->meter, ask->n, wire->label, err);
    if (!st)
        st = rd_form_write(&wire->form, ++p->id, ask->x, ask->n, &line, err);
    if (!st) {
        rd_meter_take(&wire->meter, ask->n, rd_now_ms());
        st = rd_talker_ask(
            p->talker, line.text, line.len, limit, wire->timeout_ms, go_on, wire, &answer, err);
    }
    rd_buf_release(&line);
    if (st)
        return st;
    st = rd_form_read(&wire->form, p->id, (const char *)answer.data, answer.size, ask->n, arena,
        &ask->answer, err);
    ask->answered = !st;
    return st ? RD_WRAP(err, st, "'%s' answered what cannot be used", wire->label) : RD_OK;
}

static rd_status ask_all(struct rd_wire *wire, struct rd_ask *asks, size_t n,
    struct rd_arena *arena, struct rd_error *err)
{
    rd_status st = RD_OK;

    for (size_t i = 0; !st && i < n; i++)
        st = ask_one(wire->self, &asks[i], arena, err);
    return st;
}

static void stop(void *self)
{
    const struct process *p = self;

    rd_talker_stop(p->talker);
}

rd_status rd_process_open(struct rd_wire *wire, const struct rd_target_source *source,
    struct rd_arena *arena, struct rd_error *err)
{
    struct process *p = RD_NEW(arena, struct process);

    if (!p || rd_arena_guard(arena, stop, p))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a process");
    p->wire = wire;
    wire->self = p;
    wire->ask = ask_all;
    return rd_talker_start(source->command, source->folder, 0, &p->talker, err);
}
