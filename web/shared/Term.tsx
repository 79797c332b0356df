/* A word with its meaning on hover and focus; the words come from the program (draw.glossary). */

import { createContext, useContext, useId, useLayoutEffect, useRef, useState, type ReactNode } from "react";

export const Glossary = createContext<Map<string, string>>(new Map());

/** of: the term as the glossary writes it. Without such a term it is the plain word. */
export function Term({ of, children }: { of: string; children?: ReactNode }) {
  const words = useContext(Glossary).get(of);
  const [shown, setShown] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const tip = useRef<HTMLSpanElement>(null);
  const id = useId();

  // Fixed and kept inside the window, so that no table that scrolls cuts it off; it follows when the page moves.
  useLayoutEffect(() => {
    if (!shown) return;
    const place = () => {
      if (!button.current || !tip.current) return;
      const at = button.current.getBoundingClientRect();
      const own = tip.current.getBoundingClientRect();
      const below = at.bottom + own.height + 12 < innerHeight;
      tip.current.style.left = `${Math.max(8, Math.min(at.left, innerWidth - own.width - 8))}px`;
      tip.current.style.top = `${below ? at.bottom + 6 : at.top - own.height - 6}px`;
    };
    const key = (e: KeyboardEvent) => e.key === "Escape" && setShown(false);
    place();
    addEventListener("scroll", place, { capture: true, passive: true });
    addEventListener("keydown", key);
    return () => {
      removeEventListener("scroll", place, { capture: true });
      removeEventListener("keydown", key);
    };
  }, [shown]);
  if (!words) return <>{children ?? of}</>;
  return (
    <span className="termed">
      <button
        ref={button}
        type="button"
        className="term"
        aria-describedby={shown ? id : undefined}
        onPointerEnter={(e) => e.pointerType === "mouse" && setShown(true)}
        onPointerLeave={(e) => e.pointerType === "mouse" && setShown(false)}
        onFocus={() => setShown(true)}
        onBlur={() => setShown(false)}
        onClick={() => setShown(true)}
      >
        {children ?? of}
      </button>
      {shown && <span role="tooltip" id={id} ref={tip} className="meaning"><b>{of}</b> {words}</span>}
    </span>
  );
}
