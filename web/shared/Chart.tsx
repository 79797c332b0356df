/*
 * Lines with bands, drawn as SVG: sharp in print, colored by the style sheet, reachable by keyboard.
 * A pointer or the arrow keys move a reading line; the figures beside it are said aloud too. Every chart has a table.
 */

import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { Table } from "./Table";
import type { Num } from "./types";

export interface Point {
  x: number;
  value: Num;
  low: Num;
  high: Num;
}
export interface Line {
  name: string;
  tone: string;
  /** Dash pattern; none for the main line. */
  dash?: string;
  points: Point[];
}
export interface Mark {
  x: number;
  y: number;
  name: string;
  tone: string;
}
interface Props {
  title: string;
  summary: string;
  lines: Line[];
  marks?: Mark[];
  level?: { y: number; name: string };
  xName: string;
  yName: string;
  xLog?: boolean;
  yMax?: number;
  /** Logarithmic y axis that ends at this value: rare years matter most. */
  yFloor?: number;
  showX: (v: number) => string;
  showY: (v: Num) => string;
  height?: number;
}

const PAD = { left: 54, right: 18, top: 12, bottom: 42 };

function steps(low: number, high: number, count: number): number[] {
  const raw = (high - low) / count;
  if (!(raw > 0) || !Number.isFinite(raw)) return [low];
  const base = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * base).find((s) => s >= raw * 0.999) ?? raw;
  const out = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) out.push(Number(v.toPrecision(12)));
  return out;
}

function decades(low: number, high: number): number[] {
  const out: number[] = [];
  if (!(low > 0) || !Number.isFinite(high)) return out;
  for (let e = Math.ceil(Math.log10(low) - 1e-9); 10 ** e <= high * 1.0001; e++) out.push(10 ** e);
  return out;
}

/** Value of a line at x: the point there, or between its two neighbors. */
function at(line: Line, x: number): Point | null {
  const p = line.points;
  const i = p.findIndex((q) => q.x >= x);
  if (i < 0 || !p.length) return null;
  if (p[i].x === x || i === 0) return p[i].x === x ? p[i] : null;
  const t = (x - p[i - 1].x) / (p[i].x - p[i - 1].x);
  const mix = (a: Num, b: Num) => (a === null || b === null ? null : a + t * (b - a));
  return { x, value: mix(p[i - 1].value, p[i].value), low: mix(p[i - 1].low, p[i].low), high: mix(p[i - 1].high, p[i].high) };
}

export function Chart(props: Props) {
  const { lines, marks = [], level, xLog: wantsLog, showX, showY } = props;
  const height = props.height ?? 300;
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  const [cursor, setCursor] = useState<number | null>(null);
  const id = useId();

  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const look = () => setWidth(Math.max(280, Math.round(el.clientWidth)));
    const watch = new ResizeObserver(look);
    watch.observe(el);
    look();
    return () => watch.disconnect();
  }, []);

  const xs = useMemo(() => [...new Set(lines.flatMap((l) => l.points.map((p) => p.x)))].sort((a, b) => a - b), [lines]);
  // A logarithmic axis has no place for zero.
  const xLog = wantsLog && (xs[0] ?? 0) > 0;
  const x0 = xs[0] ?? 0;
  const x1 = xs[xs.length - 1] ?? 1;
  const top = props.yMax ?? 1;
  const plotW = width - PAD.left - PAD.right;
  const plotH = height - PAD.top - PAD.bottom;
  const scale = xLog ? Math.log10 : (v: number) => v;
  const span = scale(x1) - scale(x0) || 1;
  const px = (v: number) => PAD.left + (plotW * (scale(v) - scale(x0))) / span;
  const floor = props.yFloor;
  const py = (v: number) => {
    if (!floor) return PAD.top + plotH * (1 - Math.min(Math.max(v, 0), top) / top);
    return PAD.top + (plotH * Math.log10(top / Math.min(Math.max(v, floor), top))) / Math.log10(top / floor);
  };
  const xTicks = xLog ? decades(x0, x1) : steps(x0, x1, width < 480 ? 4 : 6);
  const yTicks = floor ? decades(floor, top) : steps(0, top, 4);

  // Below the floor of a logarithmic axis there is nothing to draw; the band may touch it.
  const known = (p: Point) => p.value !== null && (!floor || p.value >= floor);
  const path = (ps: Point[]) => ps.filter(known).map((p, i) => `${i ? "L" : "M"}${px(p.x).toFixed(1)} ${py(p.value as number).toFixed(1)}`).join("");
  const band = (ps: Point[]) => {
    const q = ps.filter((p) => p.low !== null && p.high !== null);
    if (q.length < 2) return "";
    const up = q.map((p) => `${px(p.x).toFixed(1)} ${py(p.high as number).toFixed(1)}`);
    const down = q.map((p) => `${px(p.x).toFixed(1)} ${py(p.low as number).toFixed(1)}`).reverse();
    return `M${[...up, ...down].join("L")}Z`;
  };

  const nearest = (event: PointerEvent<SVGSVGElement>) => {
    const frame = event.currentTarget.getBoundingClientRect();
    const x = ((event.clientX - frame.left) * width) / frame.width;
    let best = 0;
    xs.forEach((v, i) => {
      if (Math.abs(px(v) - x) < Math.abs(px(xs[best]) - x)) best = i;
    });
    setCursor(best);
  };
  const keys = (event: KeyboardEvent<SVGSVGElement>) => {
    const last = xs.length - 1;
    const to = { ArrowRight: Math.min(last, (cursor ?? -1) + 1), ArrowLeft: Math.max(0, (cursor ?? 1) - 1), Home: 0, End: last }[event.key];
    if (event.key === "Escape") setCursor(null);
    if (to === undefined) return;
    event.preventDefault();
    setCursor(to);
  };

  const x = cursor === null ? null : xs[cursor];
  const read = x === null ? [] : lines.flatMap((l) => {
    const p = at(l, x);
    return p && p.value !== null ? [{ line: l, p }] : [];
  });
  const said = x === null ? "" : `${props.xName} ${showX(x)}: ` + read.map(({ line, p }) => `${line.name} ${showY(p.value)}`).join("; ");

  return (
    <figure className="chart" ref={box}>
      <figcaption>
        <strong>{props.title}</strong>
        <ul className="legend">
          {lines.map((l) => (
            <li key={l.name} className={l.tone}>
              <svg width="22" height="10" viewBox="0 0 22 10" aria-hidden="true">
                <path d="M1 5h20" className="line" strokeDasharray={l.dash} />
              </svg>
              {l.name}
            </li>
          ))}
        </ul>
      </figcaption>
      <div className="plot">
        <svg
          role="img"
          tabIndex={0}
          viewBox={`0 0 ${width} ${height}`}
          aria-label={`${props.title}. ${props.summary} Arrow keys read the figures; a table follows.`}
          onPointerMove={nearest}
          onPointerLeave={() => setCursor(null)}
          onBlur={() => setCursor(null)}
          onKeyDown={keys}
        >
          {yTicks.map((v) => (
            <g key={v} className="tick">
              <path d={`M${PAD.left} ${py(v)}H${width - PAD.right}`} className={v === (floor ?? 0) ? "axis" : "grid"} />
              <text x={PAD.left - 8} y={py(v)} dy=".35em" textAnchor="end">{showY(v)}</text>
            </g>
          ))}
          {xTicks.map((v) => (
            <g key={v} className="tick">
              <path d={`M${px(v)} ${PAD.top + plotH}v4`} className="axis" />
              <text x={px(v)} y={PAD.top + plotH + 17} textAnchor={px(v) > width - 30 ? "end" : "middle"}>{showX(v)}</text>
            </g>
          ))}
          <text className="name" x={PAD.left} y={height - 6}>{props.xName}</text>
          {level && (
            <g className="level">
              <path d={`M${PAD.left} ${py(level.y)}H${width - PAD.right}`} />
              <text x={width - PAD.right} y={py(level.y) - 5} textAnchor="end">{level.name}</text>
            </g>
          )}
          {lines.map((l) => (
            <path key={l.name} d={band(l.points)} className={`band ${l.tone}`} />
          ))}
          {lines.map((l) => (
            <path key={l.name} d={path(l.points)} className={`curve ${l.tone}`} strokeDasharray={l.dash} />
          ))}
          {lines.filter((l) => l.points.length <= 12).flatMap((l) =>
            l.points.filter(known).map((p) => <circle key={`${l.name} ${p.x}`} className={`point ${l.tone}`} cx={px(p.x)} cy={py(p.value as number)} r="2.6" />),
          )}
          {marks.map((m) => (
            <g key={m.name} className={`mark ${m.tone}`}>
              <path d={`M${px(m.x)} ${py(m.y) - 6}l6 6-6 6-6-6z`} />
              <text x={px(m.x) + (px(m.x) > width - 120 ? -10 : 10)} y={py(m.y) + 18} textAnchor={px(m.x) > width - 120 ? "end" : "start"}>{m.name}</text>
            </g>
          ))}
          {x !== null && (
            <g className="cursor">
              <path d={`M${px(x)} ${PAD.top}V${PAD.top + plotH}`} />
              {read.map(({ line, p }) => (
                <circle key={line.name} cx={px(x)} cy={py(p.value as number)} r="3.5" className={line.tone} />
              ))}
            </g>
          )}
        </svg>
        {x !== null && (
          <div className={`tip ${px(x) > width / 2 ? "left" : ""}`} style={px(x) > width / 2 ? { right: `${100 - (100 * px(x)) / width}%` } : { left: `${(100 * px(x)) / width}%` }} aria-hidden="true">
            <div className="tip-head">{props.xName} {showX(x)}</div>
            {read.map(({ line, p }) => (
              <div key={line.name} className="tip-row">
                <i className={`dot ${line.tone}`} />
                <span>{line.name}</span>
                <b>{showY(p.value)}</b>
                <small>{p.low !== null && p.high !== null ? `${showY(p.low)} to ${showY(p.high)}` : ""}</small>
              </div>
            ))}
          </div>
        )}
        <div className="sr-only" role="status" id={id}>{said}</div>
      </div>
      <details className="data">
        <summary>The figures as a table</summary>
        <Table label={props.title}>
          <thead>
            <tr>
              <th scope="col" className="num">{props.xName}</th>
              {lines.map((l) => (
                <th scope="col" className="num" key={l.name}>{l.name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {xs.map((v) => (
              <tr key={v}>
                <th scope="row" className="num">{showX(v)}</th>
                {lines.map((l) => {
                  const p = l.points.find((q) => q.x === v);
                  return (
                    <td className="num" key={l.name}>
                      {p ? showY(p.value) : ""}
                      {p && p.low !== null && p.high !== null && <small> ({showY(p.low)} to {showY(p.high)})</small>}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </Table>
      </details>
    </figure>
  );
}
