// The errors that a user can meet. Each says what was given, what was expected and what to do next.

import { english } from "./texts/english";
import type { Sentence } from "./texts/texts";

/** Base of all errors that are raised on purpose; `sentence` says it in the page's language. */
export class PageError extends Error {
  constructor(readonly sentence: Sentence) {
    super(sentence(english));
  }
}

/** A model file that is no CRBL model, is damaged, or has a contract that this page does not know. */
export class ModelFileError extends PageError {}

/** An image that is damaged, too large, or of a kind that browsers do not decode as crbl_runtime does. */
export class ImageError extends PageError {}

/** An execution provider that does not start, or that computes something else than the model. */
export class ProviderError extends PageError {}

/** What to tell the user about anything that was thrown. */
export function sentenceOf(error: unknown): Sentence {
  if (error instanceof PageError) return error.sentence;
  return (texts) => texts.unexpected(messageOf(error));
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
