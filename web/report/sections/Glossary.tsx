/* Every word of the glossary in one place, for paper and for those who read from the start. */

export function Words({ terms }: { terms: { term: string; words: string }[] }) {
  if (!terms.length) return null;
  return (
    <section id="glossary" aria-labelledby="glossary-h">
      <h2 id="glossary-h">Glossary</h2>
      <dl className="glossary">
        {terms.map((t) => (
          <div key={t.term}><dt>{t.term}</dt><dd>{t.words}</dd></div>
        ))}
      </dl>
    </section>
  );
}
