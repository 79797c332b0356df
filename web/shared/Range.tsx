/* A value with its band on a line from zero; several of them share one scale. */

import type { Interval, Num } from "./types";

interface Props {
  band: Interval;
  most: number;
  tone: string;
  /** Where it stood before: a thin mark. */
  from?: Num;
}

export function Range({ band, most, tone, from }: Props) {
  const x = (v: Num) => `${(100 * Math.max(0, Math.min(v ?? 0, most))) / (most || 1)}%`;
  if (band.value === null) return null;
  return (
    <svg className={`range ${tone}`} width="100%" height="18" aria-hidden="true">
      <line x1="0" x2="100%" y1="9" y2="9" className="rail" />
      {from !== null && from !== undefined && <line x1={x(from)} x2={x(from)} y1="2" y2="16" className="from" />}
      {band.low !== null && band.high !== null && <line x1={x(band.low)} x2={x(band.high)} y1="9" y2="9" className="span" />}
      <circle cx={x(band.value)} cy="9" r="4.2" />
    </svg>
  );
}
