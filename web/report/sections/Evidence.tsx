/* Test by test: what was tried, what it reached, with which means; curves and pictures. */

import { Chart, type Line } from "../../shared/Chart";
import { label, number, percent, plural, range, whole } from "../../shared/format";
import { StatusMark } from "../../shared/marks";
import { Table } from "../../shared/Table";
import { Term } from "../../shared/Term";
import type { Control, Curve, Measured, Names, Num, Pictures, Report, Test } from "../../shared/types";

/* Drawn is the first of these that was measured. */
const primary = ["success", "robust_accuracy", "asr", "hit_rate", "rank_shift", "tpr", "fidelity", "utility", "drop", "accuracy"];
const plain = new Set([
  "median_distance", "mean_distance", "kappa", "utility", "auc", "dropped", "scores_refused", "repeated_rows_left_out", "members", "non_members",
  "poisoned_count", "proposals_clipped", "proposals_refused", "median_queries", "undecided",
]);
/* What the same measure is without the attack, and how to say so. */
const without: Record<string, [string, string]> = {
  fidelity: ["baseline_fidelity", "without a single query"],
  utility: ["baseline_utility", "without a single query"],
  accuracy: ["baseline_accuracy", "without a single query"],
  asr: ["asr_clean_model", "clean-trained model"],
  hit_rate: ["hit_rate_control", "without fake accounts"],
};
/* What else belongs into the same picture. */
const beside: Record<string, string> = { asr: "clean_accuracy" };

/** The curve to draw: success of an evasion is turned into what is left of the accuracy. */
function main(m: Measured | null): Curve | null {
  if (!m) return null;
  const found = primary.map((p) => m.curves.find((c) => c.metric === p)).find(Boolean) ?? m.curves[0];
  if (!found) return null;
  if (found.metric !== "success") return found;
  const left = (v: Num) => (v === null ? null : 1 - v);
  return { ...found, metric: "robust_accuracy", points: found.points.map((p) => ({ budget: p.budget, value: left(p.value), low: left(p.high), high: left(p.low) })) };
}

type Run = Extract<Test, Measured>;
const dashes = ["6 4", "2 3", "9 3 2 3", "1 4"];
const points = (c: Curve) => c.points.map((p) => ({ x: p.budget, value: p.value, low: p.low, high: p.high }));

/** The record that counts for a control: the better one for the attacker, as the campaign decided. */
function counted(c: Control): Measured | null {
  const value = (m: Measured | null) => (m ? (m.interval[0] ?? 0) : -1);
  return value(c.aware) > value(c.plain) ? c.aware : c.plain;
}

function same(a: Curve, b: Curve): boolean {
  return a.points.length === b.points.length && a.points.every((p, i) => Math.abs((p.value ?? 0) - (b.points[i].value ?? 0)) < 0.002);
}

function Curves({ test, controls }: { test: Run; controls: Control[] }) {
  const curve = main(test);
  if (!curve || curve.points.length < 2) return <p className="quiet">No curve was measured.</p>;
  const [key, saying] = without[curve.metric] ?? ["", ""];
  const baseline = test.metrics[key];
  const second = test.curves.find((c) => c.metric === beside[curve.metric] && c.budget === curve.budget);
  const roc = curve.metric === "tpr" && curve.budget === "fpr";
  const first = curve.points[0];
  const last = curve.points[curve.points.length - 1];
  const lines: Line[] = [{ name: "as it is", tone: test.unit === "run" ? "c1" : "c0", points: points(curve) }];
  if (second) lines.push({ name: label(second.metric).toLowerCase(), tone: "c4", dash: "1 4", points: points(second) });
  if (roc) lines.push({ name: "guessing", tone: "c4", dash: "1 4", points: curve.points.map((p) => ({ x: p.budget, value: p.budget, low: null, high: null })) });
  controls.forEach((c, i) => {
    const found = main(counted(c));
    if (found && found.metric === curve.metric && found.budget === curve.budget)
      lines.push({ name: `with ${c.id}${same(found, curve) ? " (same line)" : ""}`, tone: ["c2", "c3", "c1", "c4"][i % 4], dash: dashes[i % 4], points: points(found) });
  });
  return (
    <Chart
      title={`${label(curve.metric)} against ${label(curve.budget).toLowerCase()}`}
      summary={`It starts at ${percent(first.value)} and ends at ${percent(last.value)} at ${number(last.budget)}.`}
      lines={lines}
      level={baseline && baseline.value !== null ? { y: baseline.value, name: `${saying}: ${percent(baseline.value)}` } : undefined}
      xLog={roc && curve.points.every((p) => p.budget > 0)}
      xName={label(curve.budget)}
      yName={label(curve.metric)}
      showX={roc ? percent : number}
      showY={percent}
    />
  );
}

function Strip({ set }: { set: Pictures }) {
  const name = (c: Num) => (c === null ? null : (set.classes[c] ?? c));
  const rows = [
    ["Original", "original"],
    [set.changed, "adversarial"],
    ["Difference", "difference"],
  ] as const;
  return (
    <figure className="strip">
      <figcaption><strong>What the change looks like</strong> <span className="quiet">{set.note}</span></figcaption>
      <Table label={`Original, ${set.changed.toLowerCase()} and difference pictures`}>
          <thead>
            <tr>
              <td />
              {set.items.map((p) => (
                <th key={p.row} scope="col"><bdi>{name(p.before ?? p.label)}</bdi> {"\u2192"} <b><bdi>{name(p.after) ?? "other"}</bdi></b></th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([row, key]) => (
              <tr key={key}>
                <th scope="row">{row}</th>
                {set.items.map((p) => (
                  <td key={p.row}>
                    <img src={p[key].startsWith("data:image/png;base64,") ? p[key] : ""} width="84" height="84" alt={`${row} of example ${p.row}${key === "original" ? `, taken as ${name(p.before)}` : key === "adversarial" ? `, ${set.changed === "Triggered" ? "meant to be" : "taken as"} ${name(p.after)}` : ""}`} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
      </Table>
    </figure>
  );
}

/* What is judged first, then what puts it into proportion, then the rest by name. */
const order = [
  "robust_accuracy", "utility", "fidelity", "baseline_fidelity", "kappa", "accuracy", "asr", "asr_clean_model", "asr_gain", "accuracy_drop",
  "auc", "tpr", "fpr", "tpr_1_percent_fpr", "tpr_0_1_percent_fpr", "hit_rate", "hit_rate_gain", "clean_accuracy", "clean_accuracy_control",
];
/* One independent trial of a kind, as a noun. */
const trial: Record<string, string> = { poison: "retrained victim", infer: "trained victim", extract: "independent theft" };

type Value = { value: Num; low: Num; high: Num; reason?: string | null };

function Metric({ name, v }: { name: string; v: Value }) {
  const count = plain.has(name) || (v.value !== null && v.value > 1);
  const show = count ? (x: Num) => number(x) : percent;
  // A t interval knows nothing of 0 and 1; a share does.
  const clip = (x: Num) => (x === null || count ? x : Math.min(1, Math.max(0, x)));
  return (
    <div>
      <dt>{label(name)}</dt>
      <dd>{show(v.value)}{v.low !== null && v.high !== null && <small> {range({ value: v.value, low: clip(v.low), high: clip(v.high) }, show)}</small>}</dd>
    </div>
  );
}

/** What was measured first, recalls of single classes folded away, what was not measured with its reason. */
function Metrics({ test }: { test: Run }) {
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const all = Object.entries(test.metrics).sort(([a], [b]) => rank(a) - rank(b));
  const known = all.filter(([, v]) => v.value !== null);
  const single = /^(baseline_)?recall_\d+$/;
  const reasons = new Map<string, string[]>();
  all.filter(([name, v]) => v.value === null && !single.test(name)).forEach(([name, v]) => {
    const reason = v.reason ?? "not measured";
    reasons.set(reason, [...(reasons.get(reason) ?? []), label(name)]);
  });
  const recalls = known.filter(([name]) => single.test(name));
  return (
    <>
      <dl className="facts">
        {known.filter(([name]) => !single.test(name)).map(([name, v]) => <Metric key={name} name={name} v={v} />)}
        {test.kind !== "poison" && (
          <>
            <div><dt>Rows the attack spent</dt><dd>{whole(test.queries)}</dd></div>
            <div><dt>Rows answered in all</dt><dd>{whole(test.rows_total)}</dd></div>
            <div><dt>Gradient rows</dt><dd>{whole(test.gradients)}</dd></div>
          </>
        )}
      </dl>
      {recalls.length > 0 && (
        <details className="data">
          <summary>Recall of each class</summary>
          <dl className="facts">{recalls.map(([name, v]) => <Metric key={name} name={name} v={v} />)}</dl>
        </details>
      )}
      {[...reasons].map(([reason, names]) => (
        <p key={reason} className="note">Not measured, since <bdi>{reason}</bdi>: {names.join(", ")}.</p>
      ))}
    </>
  );
}

/** Digests are long and settings are many: enough to recognize them, the whole stands in report.json. */
function setting(v: string | number | null): string {
  if (v === "" || v === null) return "\u2013";
  if (typeof v === "number") return number(v, 4);
  return /^[0-9a-f]{64}$/.test(v) ? v.slice(0, 12) + "\u2026" : v;
}

function One({ test, result, names, pictures }: { test: Test; result: Report["result"]; names: Names; pictures: Pictures[] }) {
  const threat = result.threats.find((t) => t.id === test.threat);
  const set = pictures.find((p) => p.test === test.id && p.items.length > 0);
  if (test.outcome === null) {
    return (
      <article className="evidence" id={`ev-${test.id}`} aria-label={`Test ${test.id}`}>
        <header>
          <h3><a href={`#t-${test.threat}`}>{threat?.title ?? test.threat}</a></h3>
          <StatusMark status="untried" />
        </header>
        <p>Test <code>{test.id}</code> was not run: <bdi>{test.reason ?? "no reason given"}</bdi>.</p>
      </article>
    );
  }
  const share = test.unit === "example";
  const value = share ? percent : (v: Num) => number(v);
  return (
    <article className="evidence" id={`ev-${test.id}`} aria-label={`Test ${test.id}`}>
      <header>
        <h3><a href={`#t-${test.threat}`}>{threat?.title ?? test.threat}</a></h3>
        <StatusMark status={test.outcome} />
      </header>
      <p>
        <b>{test.attack}</b>{test.actor && <>, by {"\u201c"}<bdi>{names.actors[test.actor] ?? test.actor}</bdi>{"\u201d"}</>}{test.access_words.length > 0 && <> with access to {test.access_words.join(", ")}</>},{" "}
        {share ? <>succeeded on {whole(test.successes)} of {plural(test.n, "example")}</> : <>reached the criterion in {whole(test.successes)} of {plural(test.n, trial[test.kind ?? ""] ?? "independent run")}</>}
        {" "}({label(test.judged ?? "value").toLowerCase()}: 95&nbsp;% interval {value(test.interval[0])} to {value(test.interval[1])}; demonstrated from {value(test.criterion)} up).
        {test.outcome_reason && <> <bdi>{test.outcome_reason}</bdi>.</>}
      </p>
      {test.recipe && (
        <p className="note">
          Victims were trained from the recipe <code>{test.recipe.id}</code>: this speaks of the recipe, not of the weights that are deployed.
          {test.recipe.assumed && <> Nobody declared it: it is <b>assumed</b>, the model{"\u2019"}s own graph with new weights.</>}
        </p>
      )}
      <div className="split">
        <Curves test={test} controls={result.controls.filter((c) => c.test === test.id)} />
        <div>
          <Metrics test={test} />
          <p className="settings">
            {Object.entries(test.settings).map(([k, v]) => <span key={k}><bdi>{k}</bdi> <b><bdi>{setting(v)}</bdi></b></span>)}
            {test.controls.length > 0 && <span>controls on <b><bdi>{test.controls.join(", ")}</bdi></b></span>}
          </p>
        </div>
      </div>
      {set && <Strip set={set} />}
    </article>
  );
}

export function Evidence({ result, names, pictures }: { result: Report["result"]; names: Names; pictures: Pictures[] }) {
  if (!result.tests.length) return null;
  return (
    <section id="evidence" aria-labelledby="evidence-h">
      <h2 id="evidence-h">Evidence</h2>
      <p className="lead">Test by test: what was tried, how far it got, with which means. Shaded is the 95&nbsp;% <Term of="interval">interval</Term>.</p>
      {result.tests.map((t) => <One key={t.id} test={t} result={result} names={names} pictures={pictures} />)}
    </section>
  );
}
