// Marks the decision on an image as right or wrong; pressed once more, a button removes the mark.

import type { Label } from "./confusion";
import { NOT_PREDICTED } from "./decisions";
import { impliedLabel } from "./marks";
import { useTexts } from "./texts";

export interface MarkButtonsProps {
  decision: number;
  mark: Label | null;
  change: (mark: Label | null) => void;
}

export function MarkButtons({ decision, mark, change }: MarkButtonsProps) {
  const texts = useTexts();
  if (decision === NOT_PREDICTED) return <div class="mark-buttons" />;
  const button = (right: boolean) => {
    const label = impliedLabel(decision === 1 ? 1 : 0, right);
    return (
      <button
        type="button"
        class={right ? "right" : "wrong"}
        aria-pressed={mark === label}
        title={mark === label ? texts.removeMark : right ? texts.markRight : texts.markWrong}
        onClick={() => change(mark === label ? null : label)}
      >
        {right ? `✓ ${texts.right}` : `✗ ${texts.wrong}`}
      </button>
    );
  };
  return (
    <div class="mark-buttons">
      {button(true)}
      {button(false)}
    </div>
  );
}
