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
}
export interface CurvePoint {
  x: number;
  value: Num;
  low: Num;
  high: Num;
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
  settings: Record<string, string>;
}
export interface Test extends Measured {
  id: string;
  threat: string;
  actor: string | null;
  access: string[];
  controls: string[];
  seed: string | null;
  reason: string | null;
}
export interface Control {
  id: string;
  kind: string;
  at: string;
  state: string;
  test: string;
  scenario: string | null;
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
  ale_before: Num;
  ale_after: Num;
  ale_effect: Interval;
  cost_per_year: Num;
  utility_cost: Num;
  sentence: string;
  adaptive_why: string | null;
  plain: Measured | null;
  aware: Measured | null;
}
export interface Scenario {
  id: string;
  name: string;
  threat: string;
  actor: string;
  ale: Interval;
  attempts: Interval;
  p_action: Interval;
  susceptibility: Interval;
  susceptibility_tried: Interval;
  loss_given: Interval;
  measured: boolean;
  implied: string | null;
  manipulation: string | null;
}
export interface Input {
  name: string;
  at: string;
  low: Num;
  high: Num;
  unit: string;
  provenance: "measured" | "observed" | "expert" | "default";
  by: string | null;
  date: string | null;
  source: string | null;
  variance_share: Num;
}
export interface Risk {
  currency: string;
  ale: Interval;
  p_no_loss: Interval;
  illustrative: boolean;
  ale_share_measured: Num;
  years: number;
  draws: number;
  mc_error: Num;
  quantiles: (Interval & { q: number })[];
  exceedance: { loss: number; p: number; low: Num; high: Num }[];
  appetite: { loss: number; probability: number; actual: Interval; exceeded: "yes" | "no" | "unclear" }[];
  scenarios: Scenario[];
  inputs: Input[];
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
  items: {
    row: number;
    label: string;
    before: string;
    after: string;
    distance: Num;
    original: string;
    adversarial: string;
    difference: string;
  }[];
}
export interface Report {
  schema: string;
  version: number;
  tool: { name: string; version: string };
  result: {
    system: { name: string; currency: string; elements: number; flows: number; boundaries: number; digest: string | null };
    seed: string;
    verdict: string[];
    threats: Threat[];
    tests: Test[];
    controls: Control[];
    risk: Risk | null;
    not_tried: { threat: string; title: string; severity: Severity; reason: string }[];
  };
  run: Record<string, unknown>;
  warnings: string[];
  draw: { diagram: Diagram; threats: Record<string, ThreatDetail>; pictures: Pictures[] };
}
