// A field for one number. What is typed stays as it is typed; only what is accepted becomes the value.

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

export interface NumberFieldProps {
  label: ComponentChildren;
  // null: the field is empty.
  value: number | null;
  accepts: (value: number) => boolean;
  // Said while what is typed is not accepted.
  expected: string;
  change: (value: number | null) => void;
  // Whether the field may be left empty, and what holds then.
  optional?: boolean;
  placeholder?: string;
}

export function NumberField(props: NumberFieldProps) {
  const { label, value, accepts, expected, change, optional = false, placeholder } = props;
  const id = useId();
  // What is typed while the field has the focus: "0." is on its way to 0.05, and must not become 0.
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? (value === null ? "" : String(value));
  const refused = typed !== null && !isAccepted(typed);

  function isAccepted(text: string): boolean {
    const number = Number(text);
    return text.trim() === "" ? optional : Number.isFinite(number) && accepts(number);
  }

  function type(text: string): void {
    setTyped(text);
    if (isAccepted(text)) change(text.trim() === "" ? null : Number(text));
  }

  return (
    <span class="number-field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        inputMode="decimal"
        autoComplete="off"
        value={shown}
        placeholder={placeholder}
        aria-invalid={refused}
        aria-describedby={refused ? `${id}-expected` : undefined}
        onInput={(event) => type(event.currentTarget.value)}
        onBlur={() => setTyped(null)}
      />
      {refused && (
        <span id={`${id}-expected`} class="refused" role="alert">
          {expected}
        </span>
      )}
    </span>
  );
}
