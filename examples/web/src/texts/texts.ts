// What the page says, in each of its languages.

import { english } from "./english";
import { korean } from "./korean";

export type Texts = typeof english;

/** A sentence whose language is chosen when it is shown. */
export type Sentence = (texts: Texts) => string;

export const LANGUAGES: Record<"en" | "ko", Texts> = { en: english, ko: korean };

export type Language = keyof typeof LANGUAGES;
