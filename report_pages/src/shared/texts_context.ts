// The texts of a page, in the language that the reader chose, for every part of it.

import { createContext, type Provider } from "preact";
import { useContext } from "preact/hooks";

// What gives the texts to the parts within it, and what a part takes them with.
export function textsContext<Texts>(initial: Texts): { TextsProvider: Provider<Texts>; useTexts: () => Texts } {
  const context = createContext(initial);
  return { TextsProvider: context.Provider, useTexts: () => useContext(context) };
}
