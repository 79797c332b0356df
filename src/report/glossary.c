/*
 * glossary.c - one sentence or two on each word that a board cannot be expected to know.
 *
 * STRIDE: Kohnfelder and Garg 1999. LINDDUN: Deng et al. 2011. Susceptibility, threat event:
 * The Open Group, O-RT. All words here are ours.
 */
#include "report/glossary.h"

const struct rd_term rd_glossary[] = {
    { "access", "What the attacker may see or touch: labels (the answer alone), scores (how sure "
                "the model is), gradients (how it would change), data (what it learns from) or "
                "files (the model itself)." },
    { "ALE", "Annual loss expectancy: the mean loss of a year over all simulated years. Hardly any "
             "year is like it; most cost less, a few far more." },
    { "appetite", "What the organization is willing to bear: a loss, and the chance with which a "
                  "year may cost more than that." },
    { "ASR", "Attack success rate: among inputs that carry the trigger, the share that the model "
             "takes for what the attacker wants." },
    { "assumed", "Two controls act on the same loss and were not run together: until they are, the "
                 "better one of the two counts and the other adds nothing." },
    { "band", "From the 5 % to the 95 % quantile over all draws of what is not known: how far a "
              "figure moves when the estimates behind it move." },
    { "campaign", "One actor's one undertaking, with its own budget of time, queries and money. "
                  "Losses are counted by campaigns, not by queries." },
    { "control-aware attack", "An attack that knows which control stands in its way and works "
                              "around it. Only such a test says what a control is worth." },
    { "controlled", "The threat was demonstrated, a control was switched on, and the same attack "
                    "no longer reached its mark." },
    { "criterion", "The mark a test must reach before we call the threat demonstrated, set before "
                   "the test is run." },
    { "default", "A number that came with the tool and that nobody has confirmed for this "
                 "system." },
    { "demonstrated", "The attack was run against the real thing and reached its criterion, with "
                      "the whole interval above it." },
    { "eps", "The largest change of any one input that an attack may make." },
    { "exceedance", "The chance that a year's losses add up to more than a given amount." },
    { "expert", "A number that a person has estimated, with name or role, date and a 90 % range." },
    { "fidelity", "How often a stolen copy gives the same answer as the original, on inputs that "
                  "the thief has never asked about." },
    { "illustrative", "At least one amount or frequency behind the money is a default: the figures "
                      "show how the sum works, not yet what is true here." },
    { "inconclusive", "The interval lies on both sides of the criterion, or too few runs were made "
                      "to tell." },
    { "interval", "Where the true value lies with 95 % confidence, given how much was tried. Few "
                  "trials make it wide." },
    { "kappa", "Agreement beyond what two answers would share by chance: 0 is chance, 1 is always "
               "the same." },
    { "LINDDUN", "Seven ways to harm privacy: linking, identifying, non-repudiation, detecting, "
                 "data disclosure, unawareness, non-compliance." },
    { "measured", "A number that comes from a test of this report." },
    { "net benefit", "The expected loss that a control avoids in a year, less all it costs in a "
                     "year." },
    { "not demonstrated", "One attack, with one budget, did not reach its criterion. It never "
                          "means that the threat is refuted." },
    { "observed", "A number that was counted in operation, or a fact that was seen." },
    { "P in best set", "In how many of the draws of what is not known the control belongs to the "
                       "best set of controls. Near 1: the choice hardly rests on guesses." },
    { "quantile", "The value that a given share of years stays below." },
    { "re-test", "The same attack, run again with the control switched on; and the date by which "
                 "it should be run once more, since models and attacks change." },
    { "residual", "What is left of the loss after the controls." },
    { "reversal", "How far one number would have to move before the decision turns." },
    { "STRIDE D", "Denial of service: it is made slow, costly or impossible to use." },
    { "STRIDE E", "Elevation of privilege: somebody does what they were never allowed to do." },
    { "STRIDE I", "Information disclosure: somebody learns what was not meant for them, such as "
                  "the model or its training data." },
    { "STRIDE R", "Repudiation: afterwards nobody can show who did what." },
    { "STRIDE S", "Spoofing: somebody or something passes for another." },
    { "STRIDE T", "Tampering: data, a model or an input is changed by somebody who should not "
                  "be able to." },
    { "susceptibility", "The chance that a campaign ends in the loss, given who attacks and which "
                        "controls are on. It is not the success rate of a single input." },
    { "tornado", "Each number in turn is held at the low and the high end of its range, and the "
                 "expected loss is computed again. The longest bar is the number to know better." },
    { "TPR", "True positive rate: the share of true members that an attack names, at a stated "
             "share of false alarms (FPR)." },
    { "trust boundary", "A line in the diagram behind which other people or other rules are in "
                        "charge. What crosses it must be checked." },
    { "TVaR", "Tail value at risk: the mean loss of the worst years, here the worst 5 % or 1 %." },
    { "untried", "No attack was run, for the reason that is given. No figure covers it, and it is "
                 "not known to be harmless." },
    { "utility", "How much of the way from what a thief could do without a single query to a "
                 "perfect copy the theft has covered: 0 is nothing gained, 1 is a perfect copy." },
    { "variance share", "How much of the uncertainty of the expected loss would go away if this "
                        "one number were known." },
    { 0 },
};

void rd_glossary_write(struct rd_json *json)
{
    rd_json_array(json);
    for (const struct rd_term *t = rd_glossary; t->term; t++) {
        rd_json_object(json);
        rd_json_ktext(json, "term", t->term);
        rd_json_ktext(json, "words", t->words);
        rd_json_end(json);
    }
    rd_json_end(json);
}
