import { randomUUID } from 'node:crypto';
import { OptionsInvalidError } from '../errors/index.js';
import { assertCloudPath, findPathProblem, generateCloudPath } from '../file-id/index.js';
import { askApplication } from './ask-application.js';
import type { WxCloudHttpRequest } from './request-origin.js';

/** The options that decide about the path of an upload, or of an answer. */
export interface CloudPathOptions<File> {
  /** A prefix, or a function that returns the whole path. */
  readonly path?: string | CloudPathFactory<File> | undefined;
  /** The application vouches for the paths that its function returns. */
  readonly uniquePath?: boolean | undefined;
}

type CloudPathFactory<File> = (file: File, request: WxCloudHttpRequest) => string | Promise<string>;

/** Made at random for one file alone. */
interface Identified {
  readonly uuid: string;
}

/** The part of what is known of a file that a generated path shows. */
export interface PathFacts {
  /** Without the dot; undefined for none. */
  readonly extension: string | undefined;
}

/** Where a file goes. */
export interface ChosenPath {
  /** The whole path; valid. */
  readonly cloudPath: string;
  /** No other file can have it, so that the object may be deleted when the request fails. */
  readonly isPathUnique: boolean;
}

/**
 * Checks what can be known before a file comes: a prefix once, as every path that is made with it
 * would fail; a function is checked by what it returns.
 * @throws {@link OptionsInvalidError}
 */
export function assertPathOptions({ path, uniquePath }: CloudPathOptions<never>): void {
  if (typeof path === 'string') assertPrefix(path);
  else if (path !== undefined && typeof path !== 'function') {
    throw new OptionsInvalidError({
      option: 'path',
      expected: 'a text or a function',
      remedy: 'Use a prefix such as photos/, or a function that returns the whole path.',
    });
  }
  if (uniquePath === undefined || typeof uniquePath === 'boolean') return;
  throw new OptionsInvalidError({
    option: 'uniquePath',
    expected: 'true or false',
    remedy: 'Set it to true only where the function never returns a path for a second file.',
  });
}

/**
 * Decides where a file goes, and whether its path is its own: it is when it holds the file's random
 * ID.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`; and what the application's function
 * throws
 */
export async function chooseCloudPath<Facts extends PathFacts>(
  { path = '', uniquePath = false }: CloudPathOptions<Facts & Identified>,
  facts: Facts,
  request: WxCloudHttpRequest,
  signal: AbortSignal,
): Promise<ChosenPath> {
  const { extension } = facts;
  const uuid = randomUUID();
  if (typeof path === 'string') {
    return { cloudPath: generateCloudPath({ prefix: path, extension, uuid }), isPathUnique: true };
  }
  const cloudPath = await askApplication(path({ uuid, ...facts }, request), signal);
  assertCloudPath(cloudPath);
  return { cloudPath, isPathUnique: uniquePath || cloudPath.includes(uuid) };
}

function assertPrefix(prefix: string): void {
  const problem = findPathProblem(generateCloudPath({ prefix, extension: undefined }));
  if (problem === undefined) return;
  throw new OptionsInvalidError({
    option: 'path',
    expected: `the beginning of a cloud path; a path with it ${problem}`,
    remedy: 'Use a relative prefix such as photos/.',
  });
}
