#include "cli/envelope.h"

#include "base/json_write.h"

#include <string.h>

const char rd_envelope_tool[] = "{\"name\":\"redoubt\",\"version\":\"" RD_VERSION "\"}";

static void raw(struct rd_json *j, const char *key, const struct rd_buf *b, const char *empty)
{
    const char *text = b->len ? b->text : empty;

    rd_json_kraw(j, key, text, strlen(text));
}

void rd_envelope_write(struct rd_buf *out, const char *command, const struct rd_buf *result,
    const struct rd_buf *run, const struct rd_buf *warnings)
{
    struct rd_json j = { .out = out };
    char schema[96] = "redoubt/";
    const size_t len = strlen(command);

    if (len < sizeof schema - 9)
        memcpy(schema + 8, command, len + 1);
    for (char *p = schema; *p; p++)
        if (*p == ' ')
            *p = '-';
    rd_json_object(&j);
    rd_json_ktext(&j, "schema", schema);
    rd_json_kint(&j, "version", 1);
    rd_json_kraw(&j, "tool", rd_envelope_tool, strlen(rd_envelope_tool));
    raw(&j, "result", result, "null");
    raw(&j, "run", run, "{}");
    raw(&j, "warnings", warnings, "[]");
    rd_json_end(&j);
    rd_json_release(&j);
}
