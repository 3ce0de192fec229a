import { useTexts } from "./texts";

// What the marks of both charts stand for.
export function Legend({ limit }: { limit: number | null }) {
  const texts = useTexts();
  return (
    <ul class="legend">
      <li class="of-file">{texts.file}</li>
      <li class="of-torch">{texts.torch}</li>
      {limit !== null && limit > 0 && <li class="of-limit">{texts.limit}</li>}
    </ul>
  );
}
