// The keys: all of them in a list that can be called, the most used ones in a line that is always there.

import { useLayoutEffect, useRef } from "preact/hooks";
import { useTexts, type Texts } from "./texts";

const KEYS: readonly [keyof Texts["keys"], readonly string[]][] = [
  ["next", ["j"]],
  ["previous", ["k"]],
  ["right", ["r"]],
  ["wrong", ["w"]],
  ["remove", ["x"]],
  ["undo", ["u"]],
  ["heatmap", ["h"]],
  ["opacity", ["[", "]"]],
  ["open", ["Enter"]],
  ["close", ["Esc"]],
  ["help", ["?"]],
];

export function KeysLine() {
  const texts = useTexts();
  const short = [
    [["j", "k"], `${texts.next} / ${texts.previous}`],
    [["r"], texts.right],
    [["w"], texts.wrong],
    [["u"], texts.undo],
    [["h"], texts.heatmap],
    [["[", "]"], texts.opacity],
    [["Enter"], texts.keys.open],
    [["?"], texts.help],
  ] as const;
  return (
    <p class="keys faint">
      {short.map(([keys, name]) => (
        <span key={name}>
          {keys.map((key) => (
            <kbd key={key}>{key}</kbd>
          ))}{" "}
          {name}
        </span>
      ))}
    </p>
  );
}

export function KeysHelp({ close }: { close: () => void }) {
  const texts = useTexts();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="help" ref={dialog} onClose={close} aria-labelledby="help-name">
      <header>
        <h2 id="help-name">{texts.help}</h2>
        <button type="button" onClick={() => dialog.current?.close()}>
          {texts.close}
        </button>
      </header>
      <dl>
        {KEYS.map(([name, keys]) => (
          <div key={name}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{texts.keys[name]}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
