import { createRequire } from 'node:module';

// Comes with Jest, which is where its own copy is.
const require = createRequire(createRequire(import.meta.url).resolve('jest'));
const { TestEnvironment } = require('jest-environment-node');

// A worker that has nothing left to do takes its heap apart before it ends. With the modules of
// dozens of suites that takes longer than Jest waits, and Jest then reports tests that leak.
// `beforeExit` is emitted only if nothing is left, so a leak still shows.
if (process.env.JEST_WORKER_ID !== undefined && process.send !== undefined) {
  process.once('beforeExit', () => process.exit());
}

/** Jest's environment for Node, in workers that end at once. */
export default TestEnvironment;
