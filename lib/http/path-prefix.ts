import { OptionsInvalidError } from '../errors/index.js';
import { findPathProblem, generateCloudPath } from '../file-id/index.js';

/**
 * Checks a prefix once, as every path that is made with it would fail; a function is checked by what it returns.
 * @throws {@link OptionsInvalidError}
 */
export function assertPathPrefix(path: unknown): void {
  if (typeof path !== 'string') return;
  const problem = findPathProblem(generateCloudPath({ prefix: path, extension: undefined }));
  if (problem === undefined) return;
  throw new OptionsInvalidError({
    option: 'path',
    expected: `the beginning of a cloud path; a path with it ${problem}`,
    remedy: 'Use a relative prefix such as photos/.',
  });
}
