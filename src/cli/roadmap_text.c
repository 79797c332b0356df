#include "cli/roadmap_text.h"

#include "cli/assess_text.h"
#include "cli/color.h"

#include "base/text.h"

#include <math.h>

enum { LEFT_OUT_SHOWN = 20 };

static const char *measure_name(const struct rd_roadmap *r)
{
    return r->measure == RD_ROADMAP_TVAR ? "mean of the worst 5 % of years" : "expected loss";
}

static const char *share(double p, char out[16])
{
    (void)snprintf(out, 16, isnan(p) ? "-" : "%.0f %%", 100 * p);
    return out;
}

static const char *days(double d, char out[40])
{
    (void)snprintf(out, 40, isnan(d) ? "-" : "%.4g d", d);
    return out;
}

static const char *owner_of(const struct rd_roadmap_step *s)
{
    return s->owner ? s->owner : "nobody";
}

/* --- terminal --- */

static void print_step(
    FILE *out, const struct rd_roadmap_step *p, size_t at, const struct rd_system *s)
{
    char id[80], owner[80], cost[40], after[40], best[16], effort[40], words[300];

    (void)fprintf(out, "%3zu  %-22s %-16s %-9s %8s %12s %14s %8s%s%s%s\n", at,
        rd_text_safe_in(id, 23, s->controls[p->control].id),
        rd_text_safe_in(owner, 17, owner_of(p)), p->quarter, days(p->effort_days, effort),
        rd_cli_grouped(p->cost.total.value, cost), rd_cli_grouped(p->ale_after.value, after),
        share(p->p_in_best_set, best), p->assumed ? "  assumed" : "",
        p->is_static ? "  not adaptively tested" : "",
        p->expected ? "  expected, not measured" : "");
    for (size_t i = 0; i < p->n_requires; i++)
        (void)fprintf(out, "%s%s%s", i ? ", " : "     requires ",
            rd_text_safe_in(id, sizeof id, s->controls[p->requires_control[i]].id),
            i + 1 == p->n_requires ? "\n" : "");
    (void)fprintf(out, "     %s; %s %s\n",
        rd_text_safe_in(words, sizeof words, p->reversal.words ? p->reversal.words : "-"),
        p->expected ? "to be measured" : "measured again", p->retest);
}

static void print_left_out(FILE *out, const struct rd_roadmap *r, const struct rd_system *s)
{
    char id[80], reason[300], words[300], best[16];

    if (r->n_left_out)
        (void)fputs("\nLeft out\n", out);
    for (size_t i = 0; i < r->n_left_out && i < LEFT_OUT_SHOWN; i++) {
        const struct rd_roadmap_left_out *l = &r->left_out[i];

        (void)fprintf(out, "     %-22s %s", rd_text_safe_in(id, 23, s->controls[l->control].id),
            rd_text_safe_in(reason, sizeof reason, l->reason));
        if (l->reversal.words)
            (void)fprintf(out, "; %s", rd_text_safe_in(words, sizeof words, l->reversal.words));
        if (!isnan(l->p_in_best_set))
            (void)fprintf(
                out, "; in the best set of %s of the draws", share(l->p_in_best_set, best));
        (void)fputc('\n', out);
    }
    if (r->n_left_out + r->left_out_more > LEFT_OUT_SHOWN)
        (void)fprintf(
            out, "     and %zu more\n", r->n_left_out + r->left_out_more - LEFT_OUT_SHOWN);
}

static void print_accepted(FILE *out, const struct rd_roadmap *r, const struct rd_system *s)
{
    char ale[40], threat[120], by[80];

    (void)fputs("\nTo compare with\n", out);
    for (size_t i = 0; i < r->n_accept; i++) {
        const struct rd_roadmap_accept *a = &r->accept[i];

        if (!a->threat)
            (void)fprintf(out, "     do nothing: %s %s a year stay\n",
                rd_cli_grouped(a->ale.value, ale), s->currency);
        else if (isnan(a->ale.value))
            (void)fprintf(out, "     accepted by %s: %s; no money is on it%s%s\n",
                rd_text_safe_in(by, sizeof by, a->by),
                rd_text_safe_in(threat, sizeof threat, a->threat), a->until ? ", until " : "",
                a->until ? a->until : "");
        else
            (void)fprintf(out, "     accepted by %s: %s; %s %s a year stay because of it%s%s\n",
                rd_text_safe_in(by, sizeof by, a->by),
                rd_text_safe_in(threat, sizeof threat, a->threat),
                rd_cli_grouped(a->ale.value, ale), s->currency, a->until ? ", until " : "",
                a->until ? a->until : "");
    }
}

static void print_combined(
    const struct rd_cli *cli, const struct rd_roadmap *r, const struct rd_system *s)
{
    FILE *out = cli->out;
    char a[40], b[40], c[40], reason[400];

    if (!r->combined) {
        (void)fprintf(out, "\nTogether: not confirmed: %s\n",
            rd_text_safe_in(
                reason, sizeof reason, r->combined_reason ? r->combined_reason : "not run"));
        return;
    }
    if (!r->n_steps)
        return;
    (void)fprintf(out, "\nTogether, run as a combination: %s %s a year (90 %% band %s to %s)%s\n",
        rd_cli_grouped(r->combined->ale.value, a), s->currency,
        rd_cli_grouped(r->combined->ale.low, b), rd_cli_grouped(r->combined->ale.high, c),
        r->include_expected ? ", with what is expected where nothing was tried" : "");
    for (size_t i = 0; i < r->combined->n_appetite; i++) {
        const struct rd_risk_appetite *p = &r->combined->appetite[i];

        (void)fprintf(out, "     P(loss > %s) %.3g, allowed %.3g: ", rd_cli_grouped(p->loss, a),
            p->probability.value, p->allowed);
        rd_cli_put_word(cli, rd_risk_appetite_words(p), 0);
        (void)fputc('\n', out);
    }
}

static void print_first(FILE *out, const struct rd_assessment *a, const char *path)
{
    struct rd_buf b = { 0 };

    rd_cli_roadmap_first(&b, a, path, "     ");
    if (b.len)
        (void)fprintf(out, "\nWhat to do first\n%s", rd_buf_text(&b));
    rd_buf_release(&b);
}

void rd_cli_roadmap_print(
    const struct rd_cli *cli, const struct rd_assessment *all, const char *path)
{
    const struct rd_roadmap *r = all->risk.roadmap;
    const struct rd_system *s = all->loaded.system;
    FILE *out = cli->out;
    char a[40], b[40], c[40], d[40], safe[400];

    (void)fprintf(out, "%s\n\n", rd_text_safe_in(safe, sizeof safe, s->name));
    if (isnan(r->budget))
        (void)fprintf(out, "Budget: no limit was set; brought down: %s\n", measure_name(r));
    else
        (void)fprintf(out, "Budget: %s %s a year; brought down: %s\n", rd_cli_grouped(r->budget, a),
            s->currency, measure_name(r));
    (void)fprintf(out, "Method: %s\n\n", r->method);
    if (r->n_steps) {
        (void)fprintf(out, "     %-22s %-16s %-9s %8s %12s %14s %8s\n", "control", "owner",
            "quarter", "effort", "cost a year", "expected loss", "in best");
        (void)fprintf(out, "     %-22s %-16s %-9s %8s %12s %14s %8s\n", "now", "", "", "", "",
            rd_cli_grouped(r->ale_before.value, a), "");
    } else {
        (void)fprintf(out, "%s\n", r->nothing);
        print_first(out, all, path);
    }
    for (size_t i = 0; i < r->n_steps; i++)
        print_step(out, &r->steps[i], i + 1, s);
    if (r->n_steps)
        (void)fprintf(out,
            "\nIn all: %s %s a year buy %s less expected loss; the worst 5 %% of "
            "years from %s to %s\n",
            rd_cli_grouped(r->cost.value, a), s->currency,
            rd_cli_grouped(r->ale_before.value - r->ale_after.value, b),
            rd_cli_grouped(r->tvar_before.value, c), rd_cli_grouped(r->tvar_after.value, d));
    print_combined(cli, r, s);
    if (r->appetite_warning)
        (void)fprintf(
            out, "\nAppetite: %s\n", rd_text_safe_in(safe, sizeof safe, r->appetite_warning));
    print_left_out(out, r, s);
    print_accepted(out, r, s);
}

/* --- Markdown --- */

static void md_step(
    struct rd_buf *b, const struct rd_roadmap_step *p, size_t at, const struct rd_system *s)
{
    char cost[40], after[40], best[16], effort[40];

    rd_buf_printf(b, "| %zu | ", at);
    rd_text_markdown(b, s->controls[p->control].name);
    rd_buf_puts(b, " | ");
    rd_text_markdown(b, owner_of(p));
    rd_buf_printf(b, " | %s | %s | %s | %s | %s | ", p->quarter, days(p->effort_days, effort),
        rd_cli_grouped(p->cost.total.value, cost), rd_cli_grouped(p->ale_after.value, after),
        share(p->p_in_best_set, best));
    rd_text_markdown(b, p->reversal.words ? p->reversal.words : "");
    rd_buf_printf(b, "%s%s%s | %s |\n", p->assumed ? "; assumed" : "",
        p->is_static ? "; not adaptively tested" : "",
        p->expected ? "; expected, not measured" : "", p->retest);
}

static void md_nothing(struct rd_buf *b, const struct rd_assessment *a, const char *path)
{
    struct rd_buf first = { 0 };

    rd_buf_printf(b, "\n%s\n", a->risk.roadmap->nothing);
    rd_cli_roadmap_first(&first, a, path, "    ");
    if (first.len) /* indented: commands and names stand as they are */
        rd_buf_printf(b, "\nWhat to do first:\n\n%s", rd_buf_text(&first));
    b->failed = b->failed || first.failed;
    rd_buf_release(&first);
}

static void md_combined(struct rd_buf *b, const struct rd_roadmap *r, const struct rd_system *s)
{
    char a[40], c[40], d[40];

    rd_buf_puts(b, "\n## The set as a whole\n\n");
    if (!r->combined) {
        rd_buf_puts(b, "Not confirmed: ");
        rd_text_markdown(b, r->combined_reason ? r->combined_reason : "not run");
        rd_buf_puts(b, ".\n");
        return;
    }
    rd_buf_printf(b, "%s%s: %s %s a year (90 %% band %s to %s).%s\n",
        r->n_steps ? "Run as a combination" : "Nothing was chosen",
        r->n_steps && r->include_expected ? ", with what is expected where nothing was tried" : "",
        rd_cli_grouped(r->combined->ale.value, a), s->currency,
        rd_cli_grouped(r->combined->ale.low, c), rd_cli_grouped(r->combined->ale.high, d),
        r->combined->n_appetite ? "\n" : "");
    for (size_t i = 0; i < r->combined->n_appetite; i++) {
        const struct rd_risk_appetite *p = &r->combined->appetite[i];

        rd_buf_printf(b, "- P(loss > %s) %.3g, allowed %.3g: %s\n", rd_cli_grouped(p->loss, a),
            p->probability.value, p->allowed, rd_risk_appetite_words(p));
    }
}

void rd_cli_roadmap_markdown(struct rd_buf *b, const struct rd_assessment *all, const char *path)
{
    const struct rd_roadmap *r = all->risk.roadmap;
    const struct rd_system *s = all->loaded.system;
    char a[40], c[40];

    rd_buf_puts(b, "# Roadmap: ");
    rd_text_markdown(b, s->name);
    rd_buf_printf(b, "\n\nBudget: %s %s a year. Brought down: %s. Method: ",
        isnan(r->budget) ? "no limit in" : rd_cli_grouped(r->budget, a), s->currency,
        measure_name(r));
    rd_text_markdown(b, r->method);
    rd_buf_printf(b, ".\n\nExpected loss today: %s %s a year; after it: %s.\n",
        rd_cli_grouped(r->ale_before.value, a), s->currency, rd_cli_grouped(r->ale_after.value, c));
    if (r->n_steps)
        rd_buf_puts(b, "\n| # | control | owner | quarter | effort | cost a year | expected loss "
                       "after | in the best set | pays | measured again |\n"
                       "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    else
        md_nothing(b, all, path);
    for (size_t i = 0; i < r->n_steps; i++)
        md_step(b, &r->steps[i], i + 1, s);
    md_combined(b, r, s);
    if (r->appetite_warning) {
        rd_buf_puts(b, "\n**Appetite:** ");
        rd_text_markdown(b, r->appetite_warning);
        rd_buf_puts(b, "\n");
    }
    rd_buf_puts(b, "\n## Left out\n\n");
    for (size_t i = 0; i < r->n_left_out; i++) {
        rd_buf_puts(b, "- ");
        rd_text_markdown(b, s->controls[r->left_out[i].control].name);
        rd_buf_puts(b, ": ");
        rd_text_markdown(b, r->left_out[i].reason);
        if (r->left_out[i].reversal.words) {
            rd_buf_puts(b, "; ");
            rd_text_markdown(b, r->left_out[i].reversal.words);
        }
        rd_buf_puts(b, "\n");
    }
    if (r->left_out_more)
        rd_buf_printf(b, "- and %zu more\n", r->left_out_more);
    if (!r->n_left_out)
        rd_buf_puts(b, "Nothing.\n");
    rd_buf_puts(b, "\n## To compare with\n\n");
    for (size_t i = 0; i < r->n_accept; i++) {
        rd_buf_puts(b, r->accept[i].threat ? "- accepted: " : "- do nothing");
        if (r->accept[i].threat)
            rd_text_markdown(b, r->accept[i].threat);
        if (isnan(r->accept[i].ale.value))
            rd_buf_puts(b, ": no money is on it\n");
        else
            rd_buf_printf(
                b, ": %s %s a year stay\n", rd_cli_grouped(r->accept[i].ale.value, a), s->currency);
    }
}

/* --- CSV --- */

static void number(struct rd_buf *b, double v)
{
    char text[32];

    rd_buf_puts(b, ",");
    if (isfinite(v))
        rd_buf_puts(b, rd_text_from_double(v, text));
}

static void text(struct rd_buf *b, const char *v)
{
    rd_buf_puts(b, ",");
    rd_text_csv(b, v);
}

static void csv_step(
    struct rd_buf *b, const struct rd_roadmap_step *p, size_t at, const struct rd_system *s)
{
    const struct rd_roadmap_cost *c = &p->cost;
    const double numbers[] = { c->total.value, c->declared, c->license, c->people, c->latency,
        c->false_blocks, c->accuracy, p->ale_after.value, p->ale_after.low, p->ale_after.high,
        p->tvar_after.value, p->net.value, p->net.low, p->net.high, p->p_in_best_set,
        p->reversal.value };

    rd_buf_printf(b, "step,%zu", at);
    text(b, s->controls[p->control].id);
    text(b, s->controls[p->control].name);
    text(b, p->owner);
    text(b, p->quarter);
    text(b, p->retest);
    number(b, p->effort_days);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        number(b, numbers[i]);
    text(b, p->reversal.words);
    rd_buf_puts(b, p->assumed ? ",yes" : ",no");
    rd_buf_puts(b, p->is_static ? ",yes" : ",no");
    rd_buf_puts(b, p->expected ? ",yes\r\n" : ",no\r\n");
}

static void blanks(struct rd_buf *b, int n)
{
    while (n-- > 0)
        rd_buf_puts(b, ",");
}

void rd_cli_roadmap_csv(struct rd_buf *b, const struct rd_roadmap *r, const struct rd_system *s)
{
    rd_buf_puts(b,
        "row,order,control,name,owner,quarter,retest,effort_days,cost,cost_declared,cost_license,"
        "cost_people,cost_latency,cost_false_blocks,cost_accuracy,ale_after,ale_after_low,"
        "ale_after_high,tvar_after,net,net_low,net_high,p_in_best_set,reversal,words,assumed,"
        "static,expected\r\n");
    for (size_t i = 0; i < r->n_steps; i++)
        csv_step(b, &r->steps[i], i + 1, s);
    for (size_t i = 0; i < r->n_left_out; i++) {
        const struct rd_roadmap_left_out *l = &r->left_out[i];

        rd_buf_puts(b, "left out,");
        text(b, s->controls[l->control].id);
        text(b, s->controls[l->control].name);
        blanks(b, 18);
        number(b, l->p_in_best_set);
        number(b, l->reversal.value);
        text(b, l->reason);
        rd_buf_puts(b, ",,,\r\n");
    }
    for (size_t i = 0; i < r->n_accept; i++) {
        const struct rd_roadmap_accept *a = &r->accept[i];

        rd_buf_puts(b, a->threat ? "accept," : "do nothing,");
        text(b, a->threat);
        rd_buf_puts(b, ",");
        text(b, a->by);
        blanks(b, 10);
        number(b, a->ale.value);
        number(b, a->ale.low);
        number(b, a->ale.high);
        blanks(b, 10);
        rd_buf_puts(b, "\r\n");
    }
}
