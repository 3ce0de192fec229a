import { useState } from "preact/hooks";
import { keep, kept } from "./reload";

// What is folded away, and stays as the reader has it when the page is loaded again.
export function Details(props: { title: string; name: string; open?: boolean; children: preact.ComponentChildren }) {
  const [open, setOpen] = useState(kept().open[props.name] ?? props.open ?? false);
  const toggled = (now: boolean) => {
    keep({ open: { ...kept().open, [props.name]: now } });
    setOpen(now);
  };
  return (
    <details open={open} onToggle={(event) => toggled(event.currentTarget.open)}>
      <summary>{props.title}</summary>
      {props.children}
    </details>
  );
}
