// Prints "N passed, N failed, N skipped", the sum over the JSON results of Jest named on the
// command line. A suite that could not run, or a missing result, counts as one failure. Exits with
// 1 if a command ran no test or anything failed.
import { readFileSync } from 'node:fs';

/** Reads a result; returns undefined if the test command ended before Jest wrote one. */
function readResult(file) {
  const text = readFileSync(file, 'utf8').trim();
  return text === '' ? undefined : JSON.parse(text);
}

function countResult(file) {
  const result = readResult(file);
  if (result === undefined || result.numTotalTests === 0) {
    console.error('A test command ended without running a test; it counts as one failure.');
    return { passed: 0, failed: 1, skipped: 0 };
  }
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

const counts = process.argv.slice(2).map(countResult);
const sumOf = name => counts.reduce((sum, count) => sum + count[name], 0);
const failed = counts.length === 0 ? 1 : sumOf('failed');

console.log(`${sumOf('passed')} passed, ${failed} failed, ${sumOf('skipped')} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
