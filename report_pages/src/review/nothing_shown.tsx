// Why no image is shown, and the way back.

import { useTexts } from "./texts";
import type { Situation, View } from "./view";

export interface NothingShownProps {
  situation: Situation;
  view: View;
  // How many images are in the view's group, whatever its other filters say.
  count: number;
  showAll: () => void;
}

export function NothingShown({ situation, view, count, showAll }: NothingShownProps) {
  const texts = useTexts();
  const unknown = view.group === "mistakes" && situation.set.labels === null && situation.marks.size === 0;
  const why = unknown ? texts.nothing.mistakesUnknown : texts.nothing[view.group];
  return (
    <div class="nothing">
      <p>{count > 0 ? texts.nothingHere : why}</p>
      <button type="button" onClick={showAll}>
        {texts.showAll}
      </button>
    </div>
  );
}
