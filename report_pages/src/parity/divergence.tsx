import { errorText, valueText } from "./number_text";
import type { Report } from "./parity_data";
import { useTexts } from "./texts";

// Of a report that failed.
export function FirstDivergence({ report }: { report: Report }) {
  const texts = useTexts();
  const found = report.divergence;
  if (found === null) {
    return (
      <section class="divergence">
        <h3>{texts.divergence}</h3>
        <p>{texts.noDivergence}</p>
        <ul lang="en">
          {report.failures.map((failure) => (
            <li key={failure}>{failure}</li>
          ))}
        </ul>
      </section>
    );
  }
  const [before, after] = [errorText(found.error_before), errorText(found.error_after)];
  const cause = texts.causes[found.cause];
  return (
    <section class="divergence">
      <h3>{texts.divergence}</h3>
      <p>{texts.jump(found.node, found.operator, before, after)}</p>
      <p lang={cause === undefined ? "en" : undefined}>{cause ?? asSentence(found.cause)}</p>
      <dl>
        <dt>{texts.node}</dt>
        <dd>
          <code>{found.node}</code>
        </dd>
        <dt>{texts.operator}</dt>
        <dd>
          <code>{found.operator}</code>
        </dd>
        <dt>{texts.comparedWith}</dt>
        <dd>
          <code>{found.pytorch}</code>
        </dd>
        <dt>{texts.errorBefore}</dt>
        <dd>{before}</dd>
        <dt>{texts.errorAfter}</dt>
        <dd>{after}</dd>
        <dt>{texts.position}</dt>
        <dd>
          <code>[{found.position.join(", ")}]</code>
        </dd>
        <dt>{texts.valueFile}</dt>
        <dd>{valueText(found.value_onnx)}</dd>
        <dt>{texts.valuePyTorch}</dt>
        <dd>{valueText(found.value_reference)}</dd>
      </dl>
    </section>
  );
}

function asSentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}
