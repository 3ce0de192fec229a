// Which images are shown, in which order, and what lies over them.

import type { Group, Order, View } from "./view";
import { GROUPS } from "./view";
import { countText } from "./number_text";
import type { ReviewSet } from "./review_set";
import { useTexts, type Texts } from "./texts";

export interface Overlay {
  on: boolean;
  // Whose heatmap it is, by its number; null where no model has one.
  model: number | null;
  // 0 to 1.
  opacity: number;
}

export interface FilterBarProps {
  set: ReviewSet;
  counts: Readonly<Record<Group, number>>;
  view: View;
  changeView: (view: View) => void;
  overlay: Overlay;
  changeOverlay: (overlay: Overlay) => void;
}

export function FilterBar({ set, counts, view, changeView, overlay, changeOverlay }: FilterBarProps) {
  const texts = useTexts();
  return (
    <div class="filters">
      <div class="row" role="group" aria-label={texts.group}>
        {GROUPS.map((group) => (
          <button
            key={group}
            type="button"
            data-group={group}
            aria-pressed={view.group === group}
            onClick={() => changeView({ ...view, group })}
          >
            {texts.groups[group]} <span class="count">{countText(counts[group])}</span>
          </button>
        ))}
      </div>
      <div class="row">
        {set.folders.length > 1 && (
          <Choice
            label={texts.folder}
            all={texts.allFolders}
            names={set.folders.map((folder) => (folder === "" ? "./" : folder))}
            chosen={view.folder === null ? null : set.folders.indexOf(view.folder)}
            choose={(place) => changeView({ ...view, folder: place === null ? null : (set.folders[place] ?? null) })}
          />
        )}
        {set.kinds.length > 0 && (
          <Choice
            label={texts.kind}
            all={texts.allKinds}
            names={set.kinds}
            chosen={view.kind === null ? null : set.kinds.indexOf(view.kind)}
            choose={(place) => changeView({ ...view, kind: place === null ? null : (set.kinds[place] ?? null) })}
          />
        )}
        <label>
          {texts.search}{" "}
          <input
            type="search"
            value={view.text}
            onInput={(event) => changeView({ ...view, text: event.currentTarget.value })}
          />
        </label>
        <OrderChoice set={set} view={view} changeView={changeView} />
        <OverlayControls set={set} overlay={overlay} change={changeOverlay} />
      </div>
    </div>
  );
}

interface ChoiceProps {
  label: string;
  // What stands for no choice.
  all: string;
  names: readonly string[];
  chosen: number | null;
  choose: (place: number | null) => void;
}

function Choice({ label, all, names, chosen, choose }: ChoiceProps) {
  return (
    <label>
      {label}{" "}
      <select
        value={chosen ?? ""}
        onChange={({ currentTarget: { value } }) => choose(value === "" ? null : Number(value))}
      >
        <option value="">{all}</option>
        {names.map((name, place) => (
          <option key={place} value={place}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function OrderChoice({ set, view, changeView }: Pick<FilterBarProps, "set" | "view" | "changeView">) {
  const texts = useTexts();
  const orders = ordersOf(set);
  return (
    <>
      <label>
        {texts.order}{" "}
        <select
          value={orders.indexOf(view.order)}
          onChange={({ currentTarget: { value } }) =>
            changeView({ ...view, order: orders[Number(value)] ?? view.order })
          }
        >
          {orders.map((order, place) => (
            <option key={place} value={place}>
              {orderName(texts, set, order)}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={view.reversed}
          onChange={(event) => changeView({ ...view, reversed: event.currentTarget.checked })}
        />
        {texts.reversed}
      </label>
    </>
  );
}

function ordersOf(set: ReviewSet): Order[] {
  const ofModels = set.models.length > 1 ? set.models.map((_, model) => model) : [];
  return ["combined", ...ofModels, "near", ...(set.labels === null ? [] : (["wrong"] as const)), "name"];
}

function orderName(texts: Texts, set: ReviewSet, order: Order): string {
  if (typeof order === "number") return texts.orders.scoreOf(set.data.models[order]?.variant ?? "");
  return order === "combined" && set.models.length === 1 ? texts.orders.score : texts.orders[order];
}

interface OverlayControlsProps {
  set: ReviewSet;
  overlay: Overlay;
  change: (overlay: Overlay) => void;
}

function OverlayControls({ set, overlay, change }: OverlayControlsProps) {
  const texts = useTexts();
  if (overlay.model === null) return <span class="faint">{texts.noHeatmap}</span>;
  const having = set.data.models.flatMap(({ heatmap, variant }, model) => (heatmap === null ? [] : [{ variant, model }]));
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={overlay.on}
          onChange={(event) => change({ ...overlay, on: event.currentTarget.checked })}
        />
        {texts.heatmap}
      </label>
      {having.length > 1 && (
        <select
          aria-label={texts.heatmapModel}
          value={overlay.model}
          onChange={(event) => change({ ...overlay, model: Number(event.currentTarget.value) })}
        >
          {having.map(({ variant, model }) => (
            <option key={model} value={model}>
              {texts.heatmapOf(variant)}
            </option>
          ))}
        </select>
      )}
      <label class="check">
        {texts.opacity}
        <input
          type="range"
          min={0}
          max={1}
          step={0.1}
          value={overlay.opacity}
          onInput={(event) => change({ ...overlay, opacity: event.currentTarget.valueAsNumber })}
        />
      </label>
    </>
  );
}
