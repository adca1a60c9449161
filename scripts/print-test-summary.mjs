// Prints "N passed, N failed, N skipped" from the JSON result of Jest whose file is named on the command line.
// A suite that could not run counts as one failure. Exits with 1 when no test ran or anything failed.
import { readFileSync } from 'node:fs';

/** Reads the result; undefined when the test command ended before Jest wrote one. */
function readResult(file) {
  const text = readFileSync(file, 'utf8').trim();
  return text === '' ? undefined : JSON.parse(text);
}

const result = readResult(process.argv[2]);
if (result === undefined) {
  console.error('The test command ended before any test ran; it counts as one failure.');
}

const passed = result?.numPassedTests ?? 0;
const failed = result === undefined ? 1 : result.numFailedTests + result.numRuntimeErrorTestSuites;
const skipped = (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
if (result !== undefined && passed + failed === 0) console.error('No test was executed.');

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || passed + failed === 0 ? 1 : 0;
