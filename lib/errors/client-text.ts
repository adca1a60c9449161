/**
 * Control characters (C0, C1, DEL), and characters that change the direction of the text around
 * them.
 */
const UNSAFE =
  // eslint-disable-next-line no-control-regex -- control characters are what is removed
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The longest file name that all clients' file systems accept. */
const LONGEST_NAME = 255;
/** The longest extension, with its dot. */
const LONGEST_EXTENSION = 32;
/** The name of a file whose own name has nothing left. */
const NAMELESS = 'file';
/** The longest quotation of a client's text in a message. */
const LONGEST_QUOTE = 60;

/**
 * Returns the last segment of a path: some clients send the whole path of a file. Empty for `.` and
 * `..`.
 */
export function withoutFolders(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
  return last === '.' || last === '..' ? '' : last;
}

/**
 * Makes a client's file name safe to show: no folders, no control characters, nothing that reverses
 * the text, at most 255 characters with the extension kept. Never empty: a name with nothing left
 * becomes `file`.
 */
export function toFileName(name: string): string {
  const clean = withoutFolders(withoutUnsafe(name));
  return clean === '' ? NAMELESS : shorten(clean);
}

/** Quotes a client's text for a message: cleaned, and shortened if it is long. */
export function quoteText(text: string): string {
  const characters = [...withoutUnsafe(text.slice(0, 4 * LONGEST_QUOTE))];
  const isCut = characters.length > LONGEST_QUOTE;
  return JSON.stringify(
    isCut ? `${characters.slice(0, LONGEST_QUOTE).join('')}…` : characters.join(''),
  );
}

function withoutUnsafe(text: string): string {
  return text.replaceAll(UNSAFE, '').toWellFormed();
}

/** Shortens by code points, so that no character is split. */
function shorten(name: string): string {
  if (name.length <= LONGEST_NAME) return name;
  const characters = [...name];
  if (characters.length <= LONGEST_NAME) return name;
  const dot = characters.lastIndexOf('.');
  const extension = dot > 0 ? characters.slice(dot) : [];
  const kept = extension.length <= LONGEST_EXTENSION ? extension : [];
  return [...characters.slice(0, LONGEST_NAME - kept.length), ...kept].join('');
}
