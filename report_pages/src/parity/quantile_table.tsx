import { errorText } from "./number_text";
import type { ProviderData } from "./parity_data";
import { useTexts } from "./texts";

export function QuantileTable({ provider }: { provider: ProviderData }) {
  const texts = useTexts();
  const { report } = provider;
  // The gate has a limit for the largest error, and one for that of half of the images.
  const limits: Record<number, number | null> = { 0.5: report.median_limit, 1: report.limit };
  return (
    <table>
      <thead>
        <tr>
          <th>{texts.quantile}</th>
          <th>{texts.torch}</th>
          <th>{texts.file}</th>
          <th>{texts.allowed}</th>
        </tr>
      </thead>
      <tbody>
        {provider.quantiles.map(({ share, onnx, torch }) => (
          <tr key={share}>
            <td>{texts.quantiles[share]}</td>
            <td>{errorText(torch)}</td>
            <td class={share in limits && isBeyond(onnx, limits[share] ?? null) ? "wrong" : undefined}>
              {errorText(onnx)}
            </td>
            <td>{share in limits ? errorText(limits[share] ?? null) : ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// What is not a number is beyond every limit.
export function isBeyond(error: number | null, limit: number | null): boolean {
  return error === null || limit === null || error > limit;
}
