/* What report.json holds: docs/schema/report.schema.json says the same in full. */

export type Num = number | null;
export interface Interval {
  value: Num;
  low: Num;
  high: Num;
  reason?: string | null;
}
export type Outcome = "demonstrated" | "not demonstrated" | "inconclusive";
export type Status = Outcome | "untried" | "controlled";
export type Severity = "low" | "medium" | "high" | "critical";

export interface Decision {
  decision: string;
  by: string | null;
  until: string | null;
  why: string | null;
  ticket: string | null;
}
export interface Threat {
  id: string;
  rule: string;
  on: string;
  title: string;
  stage: string;
  stride: string;
  severity: Severity;
  applicability: "yes" | "no" | "unknown" | "mitigated";
  status: Status;
  text: string | null;
  reason: string | null;
  missing: string[];
  mitigated_by: string | null;
  decision: Decision | null;
  test: string | null;
  why?: string | null;
  impact?: string | null;
  fix?: string[];
  /** A command that shows it again; check_reason: why it is not the attack itself. */
  check?: string | null;
  check_reason?: string | null;
  /** Key of the record in .redoubt. */
  evidence?: string | null;
  references?: { list: string; edition?: string; id: string; title: string | null }[];
  cwe?: string[];
}
export type StageName = "data" | "training" | "registry" | "deployment" | "inference" | "monitoring";
export interface StageControl {
  id: string;
  name: string;
  kind: string;
  state: string;
}
export interface Stage {
  stage: StageName;
  threats: number;
  tried: number;
  demonstrated: number;
  expected_loss: Num;
  expected_loss_reason: string | null;
  controls: { prevent: StageControl[]; detect: StageControl[]; respond: StageControl[] };
}
export interface Exceedance {
  loss: number;
  probability: Num;
  low: Num;
  high: Num;
}
export interface Appetite {
  loss: number;
  allowed: number;
  probability: Interval;
  state: "met" | "breached" | "undecided" | "unjudged";
}
/** Where a decision turns; all null: nothing within its range turns it. */
export interface Reversal {
  input: string | null;
  unit: string | null;
  value: Num;
  words: string | null;
}
export interface RoadmapStep {
  control: string;
  name: string;
  kind: string;
  at: string | null;
  owner: string | null;
  effort_days: Num;
  quarter: string | null;
  requires: string[];
  retest: string | null;
  cost: Num;
  cost_parts: Record<string, Num>;
  cost_band: Interval;
  ale_after: Num;
  ale_after_band: Interval;
  tvar_after: Interval;
  net: Interval;
  p_in_best_set: Num;
  reversal: Reversal;
  assumed: boolean;
  static: boolean;
  /** Part of its effect is what an expert expects, not a measurement. */
  expected: boolean;
  exceedance: Exceedance[];
  appetite: Appetite[];
}
export interface Roadmap {
  measure: "ale" | "tvar";
  method: string;
  method_words: string;
  /** Why there are no steps; null where there are. */
  no_steps_reason: string | null;
  budget: Num;
  currency: string;
  ale_before: Num;
  ale_after: Num;
  ale_before_band: Interval;
  ale_after_band: Interval;
  tvar_before: Interval;
  tvar_after: Interval;
  cost: Num;
  cost_band: Interval;
  steps: RoadmapStep[];
  left_out: { control: string; name: string; reason: string; p_in_best_set: Num; reversal: Reversal }[];
  rows: { kind: "do nothing" | "accept"; threat: string | null; by: string | null; until: string | null; ale: Num; ale_band: Interval }[];
  /** The set, run as one: what counts, where it is there. */
  combined: { ale: Num; ale_band: Interval; exceedance: Exceedance[]; appetite: Appetite[] } | null;
  combined_reason: string | null;
  /** Said when the chosen set leaves the appetite passed. */
  appetite_warning?: string | null;
  /** How many are not named in left_out. */
  left_out_more?: number;
}
export interface CurvePoint extends Interval {
  budget: number;
}
export interface Curve {
  metric: string;
  budget: string;
  points: CurvePoint[];
}
/** What one run of one attack measured. */
export interface Measured {
  attack: string;
  unit: "example" | "run" | null;
  n: number;
  successes: number;
  interval: [Num, Num];
  judged: string | null;
  criterion: Num;
  outcome: Outcome | null;
  outcome_reason?: string | null;
  metrics: Record<string, Interval>;
  curves: Curve[];
  queries: number;
  rows_total: number;
  gradients: number;
  settings: Record<string, string | number>;
  control_aware: string | null;
}
export type Kind = "evade" | "poison" | "extract" | "infer";
/** A test of the campaign; one that could not run has a reason and nothing measured. */
export type Test = { id: string; threat: string; controls: string[]; reason: string | null; kind: Kind | null; recipe: { id: string; assumed: boolean } | null } & (
  | (Measured & { outcome: Outcome; actor: string; access_words: string[] })
  | { outcome: null; attack: string | null }
);
export interface Control {
  id: string;
  kind: string;
  at: string | null;
  state: string;
  test: string;
  summary: string | null;
  sentence: string;
  effect: {
    value: Num;
    before: Num;
    after: Num;
    low: Num;
    high: Num;
    adaptive: string;
    judged: string | null;
    reason: string | null;
  };
  adaptive_why: string | null;
  ale_before: Num;
  ale_after: Num;
  ale_effect: Interval;
  ale_reason: string | null;
  cost_per_year: { low: Num; high: Num };
  utility_cost: Num;
  plain: Measured | null;
  aware: Measured | null;
}
export type Scenario = { id: string; threat: string; actor: string | null; reason: string | null } & (
  | { quantified: false }
  | {
      quantified: true;
      attack: string | null;
      test: string | null;
      /** Nothing was tried: the susceptibility is somebody's word. */
      expert?: boolean;
      untried?: string | null;
      attempts_updated?: { declared: Interval; posterior: Interval } | null;
      losses_updated?: { used: boolean; observed: number; years: number; before: Interval; after: Interval } | null;
      gain_over_cost?: Num;
      measured: boolean;
      upper_bound: boolean;
      proxy: boolean;
      one_shot: boolean;
      attempts_per_year: Interval;
      probability_of_action: Interval;
      campaigns_per_year: Interval;
      susceptibility_tried: Interval;
      susceptibility: Interval;
      losses_per_year: Interval;
      ale: Interval;
      ale_share: Num;
      rate: string | null;
      gain: Num;
      campaign_cost: Num;
      cost_per_copy: { keys: number; queries: Num; money: Num; days: Num; gain_over_cost?: Num }[];
      words?: string[];
      reversal?: Reversal | null;
    }
);
export type Quantified = Extract<Scenario, { quantified: true }>;
export type Provenance = "measured" | "observed" | "expert" | "default";
export interface Input {
  name: string;
  unit: string;
  role: string;
  low: Num;
  high: Num;
  provenance: Provenance;
  by: string | null;
  date: string | null;
  source: string | null;
}
export interface Risk {
  currency: string;
  draws: number;
  years: number;
  band_level: number;
  ale: Interval;
  no_loss: Interval;
  quantiles: (Interval & { probability: number })[];
  exceedance: Exceedance[];
  appetite: Appetite[];
  tvar?: (Interval & { level: number })[];
  tornado?: { input: string; unit: string; provenance: Provenance; low: Num; high: Num; ale_low: Num; ale_high: Num }[];
  words?: string[];
  tail_mean_99: Num;
  monte_carlo_error: { years: Num; draws: Num };
  illustrative: boolean;
  illustrative_because: string[];
  ale_share_measured: Num;
  ale_share_measured_reason: string | null;
  scenarios: Scenario[];
  break_even: { scenario: string; asset: string | null; control: string | null; losses_per_year: Interval; value: Num; reason: string | null; words: string | null }[];
  variance_share: { input: string; provenance: Provenance; share: Num }[];
  controls: {
    id: string;
    reason: string | null;
    adaptively_tested: boolean;
    assumed: boolean;
    ale_difference: Interval;
    cost_per_year: Interval;
    net_benefit: Interval;
  }[];
  numbers: Input[];
  warnings: string[];
}
export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}
export interface Diagram {
  engine: "dot" | "layered" | "none";
  reason: string | null;
  width: number;
  height: number;
  boundaries: (Box & { id: string; name: string; trust: string | null; inside: string | null })[];
  elements: (Box & {
    id: string;
    name: string;
    type: string;
    dfd: "external" | "process" | "store";
    boundary: string | null;
    properties: { name: string; value: string }[];
  })[];
  flows: {
    id: string;
    name: string;
    from: string;
    to: string;
    protocol: string | null;
    label: string;
    authenticated: "yes" | "no" | "unknown";
    encrypted: "yes" | "no" | "unknown";
    crosses: boolean;
    points: [number, number][];
    at: [number, number];
  }[];
}
export interface ThreatDetail {
  why: string;
  impact: string | null;
  facts: { what: string; value: string }[];
  goes_away: string[];
  mitigations: string[];
  false_positives: string | null;
  references: { list: string; edition: string; id: string; title: string }[];
  cwe: string[];
  severity_why: string | null;
  when: string;
  proved_by: string[];
  removed_by: string[];
}
export interface Pictures {
  test: string;
  note: string;
  changed: "Adversarial" | "Triggered";
  /** Names of the classes; empty when they are plain numbers. */
  classes: string[];
  items: {
    row: number;
    label: number | null;
    before: number | null;
    after: number | null;
    distance: Num;
    original: string;
    adversarial: string;
    difference: string;
  }[];
}
/** Display names of what the result calls by id. */
export interface Names {
  scenarios: Record<string, string | null>;
  actors: Record<string, string | null>;
  controls: Record<string, string | null>;
}
export interface Report {
  schema: string;
  version: number;
  tool: { name: string; version: string };
  result: {
    system: { name: string; currency: string; elements: number; flows: number; boundaries: number };
    seed: string;
    verdict: string[];
    threats: Threat[];
    tests: Test[];
    controls: Control[];
    risk: Risk | null;
    stages?: Stage[];
    stage_warning?: string | null;
    roadmap?: Roadmap | null;
    not_tried: { threat: string; title: string; severity: Severity; reason: string }[];
  };
  run: Record<string, unknown>;
  warnings: string[];
  draw: {
    diagram: Diagram;
    names: Names;
    threats: Record<string, ThreatDetail>;
    pictures: Pictures[];
    glossary?: { term: string; words: string }[];
  };
}
