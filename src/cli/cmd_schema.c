/* schema - the JSON Schema of redoubt.yaml for editors, or its reference page. */
#include "cli/cli.h"

#include "system/system.h"

#include <string.h>

struct schema {
    bool reference;
};

static const struct rd_option options[] = {
    RD_BOOL(struct schema, reference, "reference", "no",
        "the reference page in Markdown instead of the schema"),
    RD_OPTION_END,
};

static void new_line(struct rd_buf *out, int depth)
{
    rd_buf_putc(out, '\n');
    for (int i = 0; i < depth; i++)
        rd_buf_puts(out, " ");
}

/* Canonical JSON with line breaks, so that versions of it can be compared by eye. */
static void put_pretty(struct rd_buf *out, const char *json)
{
    bool in_text = false;
    int depth = 0;

    for (const char *p = json; *p; p++) {
        if (in_text) {
            rd_buf_putc(out, *p);
            if (*p == '\\' && p[1])
                rd_buf_putc(out, *++p);
            else if (*p == '"')
                in_text = false;
            continue;
        }
        if ((*p == '}' || *p == ']') && p[-1] != '{' && p[-1] != '[')
            new_line(out, depth - 1);
        depth -= *p == '}' || *p == ']';
        rd_buf_putc(out, *p);
        in_text = *p == '"';
        depth += *p == '{' || *p == '[';
        if (*p == ':')
            rd_buf_putc(out, ' ');
        if (*p == ',' || ((*p == '{' || *p == '[') && p[1] != '}' && p[1] != ']'))
            new_line(out, depth);
    }
    rd_buf_putc(out, '\n');
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct schema *o = opts;
    struct rd_buf text = { 0 }, pretty = { 0 };
    rd_status st = RD_OK;

    (void)argc;
    (void)argv;
    if (o->reference) {
        rd_system_reference(&text);
        rd_json_text(cli->result, rd_buf_text(&text));
        (void)fputs(rd_buf_text(&text), cli->out);
    } else {
        rd_system_schema(&text);
        put_pretty(&pretty, rd_buf_text(&text));
        rd_json_raw(cli->result, rd_buf_text(&text), text.len);
        (void)fputs(rd_buf_text(&pretty), cli->out);
    }
    if (text.failed || pretty.failed)
        st = RD_FAIL(cli->run.err, RD_E_MEMORY, "out of memory for the schema");
    rd_buf_release(&text);
    rd_buf_release(&pretty);
    return st;
}

const struct rd_command rd_command_schema = {
    .name = "schema",
    .summary = "print the JSON Schema of redoubt.yaml, for editors",
    .synopsis = "[--reference]",
    .examples = "  redoubt schema > redoubt.schema.json\n"
                "  redoubt schema --reference > redoubt-yaml.md\n"
                "then, as the first line of redoubt.yaml:\n"
                "  # yaml-language-server: $schema=redoubt.schema.json\n",
    .options = options,
    .options_size = sizeof(struct schema),
    .run = run,
};
