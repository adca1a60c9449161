import { createRequire } from 'node:module';

// Comes with Jest, which is where its own copy is.
const require = createRequire(createRequire(import.meta.url).resolve('jest'));
const { default: Sequencer } = require('@jest/test-sequencer');

/** The longest suites, by their folders: the built package, then applications that wait. */
const ORDER = ['/test/package/', '/test/e2e/http/', '/test/e2e/'];

/**
 * Starts the longest suites first, so that no core is idle while another works at the last one.
 * Jest's own order is by the size of a file, until it has run each once.
 */
export default class SlowFirst extends Sequencer {
  /** All suites, the longest first. */
  sort(tests) {
    const rank = ({ path }) => {
      const index = ORDER.findIndex(folder => path.includes(folder));
      return index < 0 ? ORDER.length : index;
    };
    return tests.toSorted((one, other) => rank(one) - rank(other));
  }
}
