/** The longest line that is printed for a text from elsewhere. */
export const MAX_LINE_CHARACTERS = 2_000;

/** Control and format characters, bidirectional ones included, and line separators. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Makes a text from elsewhere fit for a terminal: one line without control characters, cut at a
 * length.
 */
export function cleanText(text: string, maxCharacters: number): string {
  const cut = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
  return cut.replaceAll(UNPRINTABLE, '?').toWellFormed();
}
