import { randomUUID } from 'node:crypto';
import { OptionsInvalidError } from '../errors/errors.js';
import { assertCloudPath, findPathProblem, generateCloudPath } from '../file-id/cloud-path.js';
import { askApplication } from '../operations/deadline.js';
import type { WxCloudHttpRequest } from './request-origin.js';

/** Extensions of texts and data that no browser runs or shows as a page. */
const HARMLESS = words(
  'txt text log csv tsv md markdown json jsonl ndjson geojson yaml yml toml ini srt vtt ics vcf',
);
/**
 * Extensions of formats that browsers, servers or desktops may run, or treat as a page or as its
 * style.
 */
const ACTIVE = words(
  'htm html xhtml xht shtm shtml dhtml htc hta mht mhtml svg svgz xml xsl xslt xsd dtd rdf rss atom mathml ' +
    'js mjs cjs jsx ts mts cts tsx css wasm swf xap appcache manifest crx ' +
    'php php3 php4 php5 php7 php8 phtml pht phar phps asp aspx asa asax ascx ashx asmx cer jsp jspx cfm cgi pl py rb ' +
    'lua sh bash zsh csh ksh bat cmd com exe msi msp scr pif dll sys ps1 psm1 vb vbs vbe wsf wsh jse jar war class ' +
    'app dmg pkg deb rpm apk ipa lnk url desktop reg inf htaccess',
);
const EXTENSION = /^[a-z\d]{1,8}$/;

/** The extensions of client file names that are kept. */
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
      'true, false, or a list of extensions of 1 to 8 lower-case letters and digits, none of which can be run or shown as a page',
    remedy: "Write keepExtension: ['txt', 'csv'], or leave it out.",
  });
}

/**
 * Returns the extension of a client's file name if it may be kept, in lower case and without the
 * dot; else undefined.
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

/** The options that decide the path of an uploaded file or a stored response. */
interface CloudPathOptions<File> {
  /** A prefix, or a function that returns the whole path. */
  readonly path?: string | CloudPathFactory<File> | undefined;
  /** True when the application guarantees that its function returns unique paths. */
  readonly uniquePath?: boolean | undefined;
}

type CloudPathFactory<File> = (file: File, request: WxCloudHttpRequest) => string | Promise<string>;

/** The path chosen for a file. */
export interface ChosenPath {
  /** The whole path; valid. */
  readonly cloudPath: string;
  /**
   * True when no other file can have this path, so that the object may be deleted when the request
   * fails.
   */
  readonly isPathUnique: boolean;
}

/**
 * Checks the path options at startup. A prefix is checked here, as a bad one would make every path
 * fail; a function is checked by each path it returns.
 * @throws {@link OptionsInvalidError}
 */
export function assertPathOptions({ path, uniquePath }: CloudPathOptions<never>): void {
  if (typeof path === 'string') assertPrefix(path);
  else if (path !== undefined && typeof path !== 'function') {
    throw new OptionsInvalidError({
      option: 'path',
      expected: 'a string or a function',
      remedy: 'Use a prefix such as photos/, or a function that returns the whole path.',
    });
  }
  if (uniquePath === undefined || typeof uniquePath === 'boolean') return;
  throw new OptionsInvalidError({
    option: 'uniquePath',
    expected: 'true or false',
    remedy: 'Set it to true only if the function never returns the same path twice.',
  });
}

/**
 * Chooses the path of a file, and whether it is unique: a path is when it contains the file's
 * random ID, which `facts` may bring.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`
 * @throws any error of the application's function
 */
export async function chooseCloudPath<
  Facts extends { readonly extension: string | undefined; readonly uuid?: string },
>(
  { path = '', uniquePath = false }: CloudPathOptions<Facts & { readonly uuid: string }>,
  facts: Facts,
  request: WxCloudHttpRequest,
  signal: AbortSignal,
): Promise<ChosenPath> {
  const { extension } = facts;
  const { uuid = randomUUID() } = facts;
  if (typeof path === 'string') {
    return { cloudPath: generateCloudPath(path, extension, uuid), isPathUnique: true };
  }
  const cloudPath = await askApplication(path({ ...facts, uuid }, request), signal);
  assertCloudPath(cloudPath);
  return { cloudPath, isPathUnique: uniquePath || cloudPath.includes(uuid) };
}

/** The path of one file, which is chosen again when its size turns out to be another one. */
export class FilePath<Facts extends { readonly extension: string | undefined }> {
  readonly #options: CloudPathOptions<Facts & { readonly size: number; readonly uuid: string }>;
  readonly #facts: Facts & { readonly uuid: string };
  readonly #request: WxCloudHttpRequest;
  readonly #signal: AbortSignal;
  #size: number | undefined;
  #chosen: ChosenPath | undefined;

  /** `facts` are those about the file but for its size. */
  constructor(
    options: CloudPathOptions<Facts & { readonly size: number; readonly uuid: string }>,
    facts: Facts,
    request: WxCloudHttpRequest,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#facts = { ...facts, uuid: randomUUID() };
    this.#request = request;
    this.#signal = signal;
  }

  /** True when the path may depend on the size of the file. */
  get dependsOnSize(): boolean {
    return typeof this.#options.path === 'function';
  }

  /** True when no other file can have the path that was chosen last. */
  get isUnique(): boolean {
    return this.#chosen?.isPathUnique ?? false;
  }

  /**
   * Chooses the path for a size. The application is asked again only for another size.
   * @throws as {@link chooseCloudPath} does
   */
  async choose(size: number): Promise<ChosenPath> {
    if (this.#chosen !== undefined && (!this.dependsOnSize || size === this.#size)) {
      return this.#chosen;
    }
    const facts = { ...this.#facts, size };
    this.#chosen = await chooseCloudPath(this.#options, facts, this.#request, this.#signal);
    this.#size = size;
    return this.#chosen;
  }
}

function assertPrefix(prefix: string): void {
  const problem = findPathProblem(generateCloudPath(prefix, undefined));
  if (problem === undefined) return;
  throw new OptionsInvalidError({
    option: 'path',
    expected: `a prefix of a cloud path; a path with this prefix ${problem}`,
    remedy: 'Use a relative prefix such as photos/.',
  });
}
