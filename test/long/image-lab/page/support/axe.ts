import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

/** A finding of axe-core about an element. */
interface AxeNode {
  readonly html: string;
  readonly any: readonly {
    readonly message: string;
    readonly data: { readonly messageKey?: string } | null;
  }[];
  readonly all: AxeNode['any'];
  readonly none: AxeNode['any'];
}

interface AxeFinding {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly AxeNode[];
}

/** The findings of axe-core, a line each. */
export interface AxeReport {
  readonly violations: readonly string[];
  /** Undecided ones, as `rule: reason: element`. */
  readonly incomplete: readonly string[];
}

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * All rules: those that are off by default, as experimental or AAA, too. Only contrast is left out
 * in forced colors, as axe-core reads the page's own colors there, which are not painted.
 */
const RUN = `axe.run(document, {
  runOnly: {
    type: 'rule',
    values: axe.getRules().map(({ ruleId }) => ruleId).filter(
      id => !matchMedia('(forced-colors: active)').matches || !id.startsWith('color-contrast'),
    ),
  },
  resultTypes: ['violations', 'incomplete'],
}).then(({ violations, incomplete }) => ({ violations, incomplete }))`;

/** Checks a page as it is now, with all rules that there are. */
export async function runAxe(page: Page): Promise<AxeReport> {
  // As a script of the page it would be against the page's policy.
  await page.evaluate(await source);
  const { violations, incomplete } = await page.evaluate<{
    violations: readonly AxeFinding[];
    incomplete: readonly AxeFinding[];
  }>(RUN);
  return { violations: toLines(violations), incomplete: toLines(incomplete) };
}

function toLines(findings: readonly AxeFinding[]): readonly string[] {
  return findings.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, any, all, none }) => {
      const reasons = [...any, ...all, ...none].map(
        ({ message, data }) => data?.messageKey ?? message,
      );
      return `${id}: ${reasons.join(' / ') || help}: ${html.slice(0, 200)}`;
    }),
  );
}
