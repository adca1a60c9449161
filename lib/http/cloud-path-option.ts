import { randomUUID } from 'node:crypto';
import { OptionsInvalidError } from '../errors/errors.js';
import { assertCloudPath, findPathProblem, generateCloudPath } from '../file-id/cloud-path.js';
import { askApplication } from '../operations/deadline.js';
import type { WxCloudHttpRequest } from './application-registry.js';

/** Texts and data that no browser runs, or shows as a page. */
const HARMLESS = words(
  'txt text log csv tsv md markdown json jsonl ndjson geojson yaml yml toml ini srt vtt ics vcf',
);
/** Formats that browsers, servers or desktops may run, or take for a page or a style of one. */
const ACTIVE = words(
  'htm html xhtml xht shtm shtml dhtml htc hta mht mhtml svg svgz xml xsl xslt xsd dtd rdf rss atom mathml ' +
    'js mjs cjs jsx ts mts cts tsx css wasm swf xap appcache manifest crx ' +
    'php php3 php4 php5 php7 php8 phtml pht phar phps asp aspx asa asax ascx ashx asmx cer jsp jspx cfm cgi pl py rb ' +
    'lua sh bash zsh csh ksh bat cmd com exe msi msp scr pif dll sys ps1 psm1 vb vbs vbe wsf wsh jse jar war class ' +
    'app dmg pkg deb rpm apk ipa lnk url desktop reg inf htaccess',
);
const EXTENSION = /^[a-z\d]{1,8}$/;

/** Which extensions of clients' names are kept. */
type KeepExtension = boolean | readonly string[];

/**
 * Checks the option.
 * @throws {@link OptionsInvalidError} for extensions that may be run or shown as a page
 */
export function assertKeepExtension(option: KeepExtension | undefined): void {
  if (option === undefined || typeof option === 'boolean') return;
  if (Array.isArray(option) && option.every(isKeepable)) return;
  throw new OptionsInvalidError({
    option: 'keepExtension',
    expected:
      'true, false, or a list of extensions of 1 to 8 small letters and digits, none of which can be run or shown as a page',
    remedy: "Write keepExtension: ['txt', 'csv'], or leave it out.",
  });
}

/**
 * The extension of a client's name that may be kept, in lower case and without the dot; undefined
 * when it has none, or not a wanted one.
 */
export function keptExtension(name: string, option: KeepExtension | undefined): string | undefined {
  if (option === undefined || option === false) return undefined;
  const dot = name.lastIndexOf('.');
  const extension = name.slice(dot + 1).toLowerCase();
  const isWanted = option === true ? HARMLESS.has(extension) : option.includes(extension);
  return dot > 0 && isWanted ? extension : undefined;
}

function isKeepable(extension: unknown): boolean {
  return typeof extension === 'string' && EXTENSION.test(extension) && !ACTIVE.has(extension);
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

/** The options that decide about the path of an upload, or of an answer. */
interface CloudPathOptions<File> {
  /** A prefix, or a function that returns the whole path. */
  readonly path?: string | CloudPathFactory<File> | undefined;
  /** The application vouches for the paths that its function returns. */
  readonly uniquePath?: boolean | undefined;
}

type CloudPathFactory<File> = (file: File, request: WxCloudHttpRequest) => string | Promise<string>;

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
export async function chooseCloudPath<Facts extends { readonly extension: string | undefined }>(
  { path = '', uniquePath = false }: CloudPathOptions<Facts & { readonly uuid: string }>,
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
