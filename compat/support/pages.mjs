// Reads the code blocks of the documentation, which begin with a comment that names their file.
import { readFile } from 'node:fs/promises';

/** Returns the code blocks of a page by file name. */
export async function readCodeBlocks(page) {
  const text = await readFile(page, 'utf8');
  const blocks = text.matchAll(/^```(?:ts|js)\n\/\/ (\S+)\n([^]*?)^```$/gm);
  return new Map([...blocks].map(([, name, code]) => [name, code]));
}

/** Converts code to the form of CommonJS projects, whose relative imports have no extension. */
export function withoutExtensions(code) {
  return code.replaceAll(/(from '\.[^']*)\.js'/g, "$1'");
}
