/* Numbers as a person reads them: three significant digits, since none of them is better known than that. */

import type { Interval, Num } from "./types";

export const NONE = "\u2013";

export function number(v: Num | undefined, digits = 3): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  if (Number.isInteger(v) && Math.abs(v) < 1e6) return v.toLocaleString("en-US");
  return new Intl.NumberFormat("en-US", { maximumSignificantDigits: digits }).format(v);
}

export function whole(v: number | string | undefined): string {
  const n = Number(v ?? NaN);
  return Number.isFinite(n) ? Math.round(n).toLocaleString("en-US") : NONE;
}

/** A share in percent; near 0 and 1 it keeps the digits that matter. */
export function percent(v: Num | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  const p = 100 * v;
  if (p !== 0 && p < 0.01) return "< 0.01\u00a0%";
  const edge = Math.min(Math.abs(p), Math.abs(100 - p));
  const digits = edge === 0 ? 0 : edge < 0.1 ? 2 : edge < 10 ? 1 : 0;
  return `${p.toLocaleString("en-US", { maximumFractionDigits: digits })}\u00a0%`;
}

export function money(v: Num | undefined, currency: string, compact = false): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  const shape: Intl.NumberFormatOptions = compact
    ? { notation: "compact", maximumSignificantDigits: 3 }
    : { maximumSignificantDigits: 3, maximumFractionDigits: 0 };
  try {
    return new Intl.NumberFormat("en-US", { ...shape, style: "currency", currency }).format(v);
  } catch {
    return `${new Intl.NumberFormat("en-US", shape).format(v)} ${currency}`;
  }
}

export function range(i: Interval | undefined, show: (v: Num) => string): string {
  if (!i || i.low === null || i.high === null) return i?.reason ? `no interval: ${i.reason}` : "no interval";
  return `${show(i.low)} to ${show(i.high)}`;
}

/* Words of src/evidence/metric.c, whose test looks for every id of it here. */
const words: Record<string, string> = {
  "success share": "Success share",
  success: "Attack success",
  clean_accuracy: "Clean accuracy",
  robust_accuracy: "Robust accuracy",
  fooled_share: "Share of right answers turned",
  median_distance: "Median distance",
  median_queries: "Median queries",
  proposals_clipped: "Proposals clipped",
  proposals_refused: "Proposals refused",
  undecided: "Examples left undecided",
  eps: "Size of the change (eps)",
  queries: "Queries",
  gradients: "Gradient calls",
  utility: "Utility of the theft",
  fidelity: "Fidelity of the copy",
  kappa: "Kappa (agreement beyond chance)",
  accuracy: "Accuracy of the copy",
  min_recall: "Lowest recall of a class",
  asr: "Attack success on triggered inputs",
  asr_clean_model: "The same on the clean-trained model",
  asr_gain: "Attack success beyond the clean model's",
  clean_accuracy_control: "Clean accuracy of the clean-trained model",
  accuracy_drop: "Loss of clean accuracy",
  drop: "Loss of clean accuracy",
  poisoned: "Poisoned training rows",
  poisoned_count: "Poisoned rows",
  poisoned_share: "Share of poisoned rows",
  dropped: "Rows left out by screens",
  screen_recall: "Poison that the screens found",
  screen_precision: "Poison among what the screens left out",
  screen_flag_rate_clean: "Clean rows left out",
  hit_rate: "Hit rate of the pushed item",
  hit_rate_gain: "Gain in hit rate",
  hit_rate_control: "Hit rate without fake accounts",
  rank_shift: "Places won, of all",
  rank_loss: "Places lost, of all",
  exposure: "Exposure of the item",
  exposure_control: "Exposure without fake accounts",
  share_fake: "Fake accounts among all",
  false_flag_rate: "Honest accounts flagged",
  accounts: "Fake accounts",
  tpr: "True positive rate",
  fpr: "False positive rate",
  auc: "AUC",
  tpr_1_percent_fpr: "True positive rate at 1\u00a0% false positives",
  tpr_0_1_percent_fpr: "True positive rate at 0.1\u00a0% false positives",
  balanced_accuracy: "Balanced accuracy at the best threshold",
  top_1_percent_members: "Members among the 1\u00a0% most suspected",
  members: "Members asked about",
  non_members: "Others asked about",
  repeated_rows_left_out: "Repeated rows left out",
  scores_refused: "Scores refused",
  advantage: "Advantage in guessing the hidden value",
  advantage_others: "The same advantage on strangers",
  attribute_accuracy: "Hidden values guessed rightly",
  attribute_accuracy_others: "The same of strangers",
  baseline_imputation: "Guessed rightly without the model",
  baseline_commonest: "Guessed rightly by the commonest value",
  guesses_refused: "Guesses refused",
  recognized: "Classes whose rebuilt example is recognized",
  recognized_by_judge: "Recognized by the judging model",
  nearest_to_own_mean: "Nearest to the mean of its own class",
  correlation: "Correlation with the mean of the class",
  baseline_noise: "Noise that is recognized",
  baseline_mean: "Mean inputs that are recognized",
  judge_accuracy: "Accuracy of the judging model",
  train_accuracy: "Accuracy on the training rows",
  generalization_gap: "Gap between training and test accuracy",
  values_refused: "Values refused",
  baseline_fidelity: "Fidelity without a query",
  baseline_kappa: "Kappa without a query",
  baseline_accuracy: "Accuracy without a query",
  baseline_min_recall: "Lowest recall without a query",
};

export function label(name: string): string {
  const known = words[name];
  if (known) return known;
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}

export function seconds(v: unknown): string {
  const s = Number(v);
  if (!Number.isFinite(s)) return NONE;
  return s < 90 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}
