/*
 * man_markdown - the Markdown that rd_system_reference writes, as man(7).
 *
 * Not a Markdown reader for what others write: it knows what our own writer uses, and passes the
 * rest through as escaped text.
 */
#include "cli/man_page.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum { CELLS = 8, LINE_MAX_LEN = 1024 };

struct page {
    struct rd_buf *out;
    bool text_before; /* a paragraph stands above: the next one wants .PP */
    bool wants_break;
    bool in_table;
    char header[CELLS][48];
};

static void put_piece(struct rd_buf *out, const char *from, const char *to, char font)
{
    char piece[LINE_MAX_LEN];

    (void)snprintf(piece, sizeof piece, "%.*s", (int)(to - from), from);
    if (font)
        rd_buf_printf(out, "\\f%c", font);
    rd_text_roff(out, piece);
    if (font)
        rd_buf_puts(out, "\\fR");
}

/* `code` in bold, *stress* in italics. */
static void put_inline(struct rd_buf *out, const char *text)
{
    const char *from = text;

    for (const char *p = text; *p;) {
        const char *end = *p == '`'                                   ? strchr(p + 1, '`')
                          : *p == '*' && isalpha((unsigned char)p[1]) ? strchr(p + 1, '*')
                                                                      : NULL;

        if (!end) {
            p++;
            continue;
        }
        put_piece(out, from, p, '\0');
        put_piece(out, p + 1, end, *p == '`' ? 'B' : 'I');
        from = p = end + 1;
    }
    put_piece(out, from, from + strlen(from), '\0');
}

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " ");
    len = strlen(text);
    while (len && text[len - 1] == ' ')
        text[--len] = '\0';
    return text;
}

/* "| a | b |": how many cells, each trimmed; a bar inside `code` or behind \ parts nothing. */
static size_t split_row(char *line, char *cell[CELLS])
{
    size_t n = 0;
    bool code = false;
    char *from = line + 1;

    for (char *p = line + 1; *p && n < CELLS; p++) {
        code ^= *p == '`';
        if (*p != '|' || code || p[-1] == '\\')
            continue;
        *p = '\0';
        cell[n++] = trim(from);
        from = p + 1;
    }
    return n;
}

static bool is_ruler(const char *line)
{
    return strspn(line, "|-: ") == strlen(line);
}

/* First what it means (the last cell), then the others, each with the head of its column. */
static void put_row(struct page *page, char *cell[CELLS], size_t n)
{
    struct rd_buf *out = page->out;

    rd_buf_puts(out, ".TP\n");
    put_inline(out, cell[0]);
    rd_buf_putc(out, '\n');
    put_inline(out, cell[n - 1]);
    rd_buf_putc(out, '\n');
    for (size_t i = 1; i + 1 < n; i++) {
        if (!*cell[i])
            continue;
        rd_buf_puts(out, ".br\n");
        rd_text_roff(out, page->header[i]);
        rd_buf_puts(out, ": ");
        put_inline(out, cell[i]);
        rd_buf_putc(out, '\n');
    }
}

static void table_line(struct page *page, char *line)
{
    char *cell[CELLS];
    size_t n;

    if (is_ruler(line))
        return;
    n = split_row(line, cell);
    if (page->in_table && n > 1)
        put_row(page, cell, n);
    for (size_t i = 0; !page->in_table && i < n; i++)
        (void)snprintf(page->header[i], sizeof page->header[i], "%s", cell[i]);
    page->in_table = true;
    page->text_before = true;
}

/* Sections in capitals, but for what is typed as it is; without the ticks around that. */
static void heading(struct page *page, const char *macro, const char *title)
{
    char plain[LINE_MAX_LEN];
    size_t n = 0;
    bool code = strcmp(macro, ".SH") != 0;

    for (const char *p = title; *p && n + 1 < sizeof plain; p++) {
        code ^= *p == '`';
        if (*p != '`')
            plain[n++] = code ? *p : (char)toupper((unsigned char)*p);
    }
    plain[n] = '\0';
    rd_buf_printf(page->out, "%s ", macro);
    rd_text_roff(page->out, plain);
    rd_buf_putc(page->out, '\n');
    page->text_before = page->wants_break = false;
}

static void one_line(struct page *page, char *line)
{
    if (*line == '|') {
        table_line(page, line);
        return;
    }
    page->in_table = false;
    if (!*line) {
        page->wants_break = page->text_before;
    } else if (!strncmp(line, "# ", 2)) {
        return; /* the page has its title */
    } else if (!strncmp(line, "## ", 3)) {
        heading(page, ".SH", line + 3);
    } else if (!strncmp(line, "### ", 4)) {
        heading(page, ".SS", line + 4);
    } else if (!strncmp(line, "- ", 2)) {
        rd_buf_puts(page->out, ".IP \\(bu 2\n");
        put_inline(page->out, line + 2);
        rd_buf_putc(page->out, '\n');
        page->text_before = true;
    } else {
        if (page->wants_break)
            rd_buf_puts(page->out, ".PP\n");
        put_inline(page->out, trim(line));
        rd_buf_putc(page->out, '\n');
        page->text_before = true;
        page->wants_break = false;
    }
}

void rd_man_markdown(struct rd_buf *out, const char *markdown)
{
    struct page page = { .out = out };

    while (*markdown) {
        const size_t len = strcspn(markdown, "\n");
        char line[LINE_MAX_LEN];

        if (len >= sizeof line)
            out->failed = true; /* our own tables have no such line: the page test would notice */
        (void)snprintf(line, sizeof line, "%.*s", (int)len, markdown);
        one_line(&page, line);
        markdown += len + (markdown[len] == '\n');
    }
}
