import { errorText } from "./number_text";
import type { ProviderData } from "./parity_data";
import { isBeyond } from "./quantile_table";
import { type Texts, useTexts } from "./texts";

export function Verdict({ passed, providers }: { passed: boolean; providers: ProviderData[] }) {
  const texts = useTexts();
  return (
    <section class={passed ? "verdict passed" : "verdict failed"}>
      <p class="word">{passed ? texts.passed : texts.failed}</p>
      {providers.map((provider) => (
        <p key={provider.report.provider}>
          {providers.length > 1 && <strong>{provider.report.passed ? texts.passed : texts.failed}. </strong>}
          {sentence(provider, texts)}
        </p>
      ))}
    </section>
  );
}

function sentence({ report, device }: ProviderData, texts: Texts): string {
  const clauses = [texts.largestIs(errorText(report.error_onnx), errorText(report.limit))];
  // The gate says so, too, only where the largest error alone would let the file pass.
  if (!isBeyond(report.error_onnx, report.limit) && isBeyond(report.median_error_onnx, report.median_limit)) {
    clauses.push(texts.medianIs(errorText(report.median_error_onnx), errorText(report.median_limit)));
  }
  return texts.sentence(texts.onImages(report.images, device), [...clauses, flips(report, texts)]);
}

function flips(report: ProviderData["report"], texts: Texts): string {
  if (report.flips > 0) return texts.someFlips(report.flips, Math.floor(report.max_flips * report.images));
  return report.flips_within_margin > 0 ? texts.noFlipsOutside(report.flips_within_margin) : texts.noFlips;
}
