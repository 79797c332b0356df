/*
 * attack_input.h - what `attack run` is given, made into a request: data, target, recipe, settings.
 */
#ifndef RD_CLI_ATTACK_INPUT_H
#define RD_CLI_ATTACK_INPUT_H

#include "cli/cli.h"

#include "attacks/harness.h"
#include "target/recipe.h"

struct rd_attack_input {
    /* what is attacked */
    const char *target, *command, *protocol, *request, *scores, *answer_labels;
    struct rd_option_list allow_host, header;
    double timeout, requests_per_second;
    /* data */
    const char *input, *labels, *index, *range;
    const char *pool, *pool_labels, *pool_index, *pool_range;
    const char *train, *train_labels, *train_index, *train_range;
    const char *label_column, *contributor_column, *column_scale, *schema;
    double scale, test_share;
    int64_t count;
    /* recipe */
    const char *graph, *optimizer, *schedule;
    int64_t epochs, batch;
    double lr, momentum, weight_decay, noticing;
    /* the attack, and how it is judged */
    const char *norm, *surrogate, *criterion, *accuracy, *box, *curve;
    struct rd_option_list set;
    int64_t budget;
    double price;
    const char *save, *save_model, *save_trigger, *save_scores;
    bool estimate;
};

extern const struct rd_option rd_attack_input_options[];

/* Everything into *q, in the scratch arena of cli->run. RD_E_USAGE says what is missing. */
rd_status rd_attack_request(struct rd_cli *cli, const struct rd_attack_input *o, const char *name,
    struct rd_trial_request *q);

#endif
