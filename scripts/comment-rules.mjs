// The rules of comments that a program can check; `lint-comments.mjs` applies them.
import { parseSync } from 'oxc-parser';

const MAX_COLUMNS = 100;

const QUESTION_WORD = /^(?:what|whether|how|whom|who|which|whose)\b/i;

/** Words that plain English has others for. */
const BANNED_WORDS =
  /\b(?:nobody|whom?ever|(?<!\bthere\s+)is\s+none|befalls?|at\s+hand|for\s+whom|of\s+its\s+own\s+doing)\b/gi;

const BLOCK_TAGS =
  /@(?:param|typeParam|returns|throws|example|defaultValue|remarks|deprecated|see)\b/g;

/** A line that cannot be broken: nothing but a link, or a link behind a tag. */
const ONLY_A_LINK = /^\s*(?:\/\/|\/?\*+)?\s*(?:@see )?https?:\S+\s*(?:\*\/)?$/;

/**
 * Checks the comments of one file.
 *
 * @param path the path that the messages name; its extension decides the syntax
 * @param isLibrary true for files that are held to the rules of `lib` as well
 * @returns a line `path:line: rule` for each breach, in the order of the lines
 */
export function problemsOf(path, text, isLibrary) {
  const { comments, errors } = parseSync(path, text, { sourceType: 'unambiguous' });
  if (errors.length > 0) return [`${path}:1: ${errors[0].message}`];
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const lineAt = offset => starts.findLastIndex(start => start <= offset) + 1;
  const problems = [
    ...longLines(text, comments, lineAt),
    ...blocksOf(text, comments).flatMap(block => [
      ...questions(block),
      ...(isLibrary ? [...misplacedTags(block), ...bannedWords(block)] : []),
    ]),
  ].map(({ line, offset, rule }) => ({ line: line ?? lineAt(offset), rule }));
  return problems
    .toSorted((one, other) => one.line - other.line)
    .map(({ line, rule }) => `${path}:${line}: ${rule}`);
}

function longLines(text, comments, lineAt) {
  const lines = text.split('\n');
  const commented = new Set(
    comments.flatMap(({ start, end }) => {
      const first = lineAt(start);
      return Array.from({ length: lineAt(end) - first + 1 }, (_, index) => first + index);
    }),
  );
  return [...commented]
    .filter(line => [...lines[line - 1]].length > MAX_COLUMNS)
    .filter(line => !ONLY_A_LINK.test(lines[line - 1]))
    .map(line => ({ line, rule: `a comment has at most ${MAX_COLUMNS} columns` }));
}

/** Comments as they are read: line comments that follow each other are one. */
function blocksOf(text, comments) {
  const blocks = [];
  for (const { type, start, end } of comments) {
    const last = blocks.at(-1);
    const isLine = type === 'Line';
    const isAlone = /(?:^|\n)[ \t]*$/.test(text.slice(0, start));
    if (isLine && isAlone && last?.isOpen && /^\n[ \t]*$/.test(text.slice(last.end, start))) {
      last.end = end;
    } else {
      blocks.push({ start, end, isOpen: isLine && isAlone, isDoc: text.startsWith('/**', start) });
    }
  }
  return blocks.map(({ start, end, isDoc }) => ({
    start,
    isDoc,
    prose: withoutCode(text.slice(start, end)),
  }));
}

/** Code in a comment keeps its length and its lines, so that offsets stay right. */
function withoutCode(comment) {
  const blank = code => code.replaceAll(/[^\n]/g, ' ');
  return comment.replaceAll(/```.*?```/gs, blank).replaceAll(/`[^`]*`/g, blank);
}

function questions({ start, prose }) {
  const words = prose.replace(/^\/[/*]+\s*(?:\*\s+)?/, '');
  const word = QUESTION_WORD.exec(words)?.[0];
  if (word === undefined) return [];
  return [{ offset: start, rule: `a comment begins with a noun or a verb, not with "${word}"` }];
}

function misplacedTags({ start, prose, isDoc }) {
  if (!isDoc) return [];
  return [...prose.matchAll(BLOCK_TAGS)]
    .filter(({ index }) => !/(?:^\/\*\*|\n\s*\*)\s*$/.test(prose.slice(0, index)))
    .map(({ index, 0: tag }) => ({
      offset: start + index,
      rule: `${tag} stands at the start of a line`,
    }));
}

function bannedWords({ start, prose }) {
  const lines = prose.replaceAll(/\n[ \t]*(?:\*|\/\/)/g, mark => mark.replaceAll(/\S/g, ' '));
  return [...lines.matchAll(BANNED_WORDS)].map(({ index, 0: words }) => ({
    offset: start + index,
    rule: `"${words.replaceAll(/\s+/g, ' ')}" is not plain English`,
  }));
}
