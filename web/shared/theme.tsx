/* Light or dark: the system's choice until the reader makes one. */

import { useEffect, useState } from "react";

type Theme = "light" | "dark";
const KEY = "redoubt-theme";

function stored(): Theme | null {
  try {
    const v = localStorage.getItem(KEY);
    return v === "light" || v === "dark" ? v : null;
  } catch {
    return null; /* file:// may have no storage */
  }
}

export function ThemeToggle() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const [dark, setDark] = useState(system.matches);
  const [chosen, setChosen] = useState<Theme | null>(stored);
  const now: Theme = chosen ?? (dark ? "dark" : "light");
  const next: Theme = now === "dark" ? "light" : "dark";

  useEffect(() => {
    const follow = () => setDark(system.matches);
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    if (chosen) document.documentElement.dataset.theme = chosen;
    try {
      if (chosen) localStorage.setItem(KEY, chosen);
    } catch {
      /* then it lasts until the page is closed */
    }
  }, [chosen]);
  return (
    <button type="button" className="plain no-print" onClick={() => setChosen(next)} aria-label={`Switch to ${next} colors`}>
      {next === "dark" ? "Dark" : "Light"}
    </button>
  );
}
