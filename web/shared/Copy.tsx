/* A command to run oneself, with a button that copies it. */

import { useState } from "react";

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; /* then the reader marks it by hand: a click on the command selects all of it */
  }
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [said, setSaid] = useState("");

  const click = async () => {
    setSaid((await copy(text)) ? "Copied" : "Select it and copy");
    setTimeout(() => setSaid(""), 2500);
  };
  return (
    <div className="command">
      <code><bdi>{text}</bdi></code>
      <button type="button" className="plain no-print" onClick={click} aria-label={`Copy ${label}`}>
        {said || "Copy"}
      </button>
      <span role="status" className="sr-only">{said}</span>
    </div>
  );
}
