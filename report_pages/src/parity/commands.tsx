import type { ParityData } from "./parity_data";
import { useTexts } from "./texts";

export function Commands({ data }: { data: ParityData }) {
  const texts = useTexts();
  return (
    <section class="commands">
      <h2>{texts.commands}</h2>
      {(["again", "json", "verify"] as const).map((command) => (
        <div key={command}>
          <p>{texts[command]}</p>
          <pre class="command">{data.commands[command]}</pre>
        </div>
      ))}
      <h3>{texts.printed}</h3>
      <pre lang="en">{data.printed.join("\n")}</pre>
    </section>
  );
}
