/* What several sections say in the same way. */

import type { Appetite, Interval, Exceedance, Roadmap } from "../../shared/types";

/** Color and word for a limit: by the pooled chance, as --fail-on appetite decides; open where the band crosses; unjudged is a finding. */
export function judged(a: Appetite): [string, string] {
  if (a.state === "met") return ["good", "within"];
  if (a.state === "breached") return ["bad", "exceeded"];
  if (a.state === "unjudged") return ["bad", "cannot be judged"];
  return (a.probability.value ?? 0) > a.allowed ? ["bad", "likely exceeded"] : ["odd", "likely within"];
}

export interface After {
  ale: Interval;
  exceedance: Exceedance[];
  appetite: Appetite[];
  /** The set was run as one; else the steps' own effects were put together. */
  run: boolean;
}

/** What is left after the roadmap: as run in combination where it was, else after its last step. */
export function after(r: Roadmap | null | undefined): After | null {
  if (!r) return null;
  if (r.combined) return { ale: r.combined.ale_band, exceedance: r.combined.exceedance, appetite: r.combined.appetite, run: true };
  const last = r.steps[r.steps.length - 1];
  return last ? { ale: last.ale_after_band, exceedance: last.exceedance, appetite: last.appetite, run: false } : null;
}

/** Steps that are not sure to add up. */
export const flags = (s: { assumed: boolean; static: boolean }) => [s.assumed && "assumed", s.static && "static"].filter(Boolean) as string[];

/** Words of the result, which begin small and end bare, as a sentence. */
export const sentence = (words: string) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
