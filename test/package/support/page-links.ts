import { posix } from 'node:path';

/** A link of a page to another one, or to a place on itself. */
export interface PageLink {
  /** The page or file, from the repository's root. */
  readonly target: string;
  /** The heading on it, when one is named. */
  readonly anchor: string | undefined;
}

/** `[text](address)`, and `[text]: address` on a line of its own. */
const ADDRESS = /\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm;

/** The links of a page that lead to no other site. */
export function linksOf(page: string, text: string): readonly PageLink[] {
  return [...text.matchAll(ADDRESS)]
    .map(([, inline, defined]) => inline ?? defined ?? '')
    .filter(address => !/^[a-z]+:/.test(address))
    .map(address => {
      const [path = '', anchor] = address.split('#');
      return { target: path === '' ? page : posix.join(posix.dirname(page), path), anchor };
    });
}

/** The anchors of a page: of its headings, as forges make them, and its own. */
export function anchorsOf(text: string): readonly string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)];
}
