/* Small signs that say a state by shape as well as by color. */

import type { Severity, Status } from "./types";

const tone: Record<Status, string> = {
  demonstrated: "bad",
  inconclusive: "odd",
  "not demonstrated": "calm",
  controlled: "good",
  untried: "mute",
};

export function toneOf(status: Status): string {
  return tone[status] ?? "mute";
}

export function Glyph({ status, size = 12 }: { status: Status; size?: number }) {
  return (
    <svg className={`glyph ${toneOf(status)}`} width={size} height={size} viewBox="0 0 12 12" aria-hidden="true">
      {status === "demonstrated" && <circle cx="6" cy="6" r="5.2" />}
      {status === "inconclusive" && (
        <>
          <circle cx="6" cy="6" r="4.6" className="line" />
          <path d="M6 1.4a4.6 4.6 0 0 0 0 9.2z" />
        </>
      )}
      {status === "not demonstrated" && <path d="M6 .8 11.2 6 6 11.2.8 6z" />}
      {status === "controlled" && <rect x="1.2" y="1.2" width="9.6" height="9.6" rx="1.6" />}
      {status === "untried" && <circle cx="6" cy="6" r="4.6" className="line" strokeDasharray="2.2 1.8" />}
    </svg>
  );
}

export function StatusMark({ status }: { status: Status }) {
  return (
    <span className={`status ${toneOf(status)}`}>
      <Glyph status={status} />
      {status}
    </span>
  );
}

const level: Record<Severity, number> = { low: 1, medium: 2, high: 3, critical: 4 };

export function SeverityMark({ severity, short }: { severity: Severity; short?: boolean }) {
  return (
    <span className="severity">
      <svg width="19" height="11" viewBox="0 0 19 11" aria-hidden="true">
        {[1, 2, 3, 4].map((i) => (
          <rect
            key={i}
            x={(i - 1) * 5}
            y={10 - 2.5 * i}
            width="3.4"
            height={2.5 * i + 1}
            rx=".8"
            className={i <= level[severity] ? "on" : "off"}
          />
        ))}
      </svg>
      {short ? <span className="sr-only">{severity}</span> : severity}
    </span>
  );
}
