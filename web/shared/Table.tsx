/* A table that scrolls sideways by itself on a narrow screen, and can then be reached by keyboard. */

import { useEffect, useRef, useState, type ReactNode } from "react";

export function Table({ label, className, children }: { label: string; className?: string; children: ReactNode }) {
  const ref = useRef<HTMLDivElement>(null);
  const [wide, setWide] = useState(false);

  useEffect(() => {
    const el = ref.current;
    if (!el) return;
    const look = () => setWide(el.scrollWidth > el.clientWidth + 1);
    const watch = new ResizeObserver(look);
    watch.observe(el);
    look();
    return () => watch.disconnect();
  }, []);
  return (
    <div ref={ref} className="scroll" tabIndex={wide ? 0 : undefined} role={wide ? "region" : undefined} aria-label={wide ? label : undefined}>
      <table className={className} aria-label={label}>
        {children}
      </table>
    </div>
  );
}
