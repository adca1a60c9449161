import { WxCloudStorageError } from '../errors/index.js';
import { formInvalid, notAForm, quoteText } from '../form/index.js';
import { listFields, type FileSelection } from './file-places.js';

/** A request whose form was read. */
export interface ParsedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly file?: unknown;
  readonly files?: unknown;
  readonly body?: unknown;
}

/** The knowledge of a form that explains why it has no file. */
export interface MissingFileClues {
  /** The fields that take files; undefined when all do. */
  readonly maxCounts?: FileSelection['maxCounts'];
  /** The field of a file that had no name. */
  readonly namelessField?: string | undefined;
}

/**
 * Makes sure that a form brought a file.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_REQUIRED`, or `WX_CLOUD_FORM_INVALID` when it is no form at all
 */
export function assertHasFile(request: ParsedRequest, clues: MissingFileClues = {}): void {
  const { file, files } = request;
  if (file !== undefined || hasAny(files)) return;
  const contentType = request.headers['content-type']?.toString();
  if (!/^multipart\/form-data[ \t]*(?:;|$)/i.test(contentType ?? '')) {
    throw formInvalid(notAForm(contentType));
  }
  const { maxCounts } = clues;
  const place = maxCounts === undefined ? 'any field' : `the field ${listFields(maxCounts)}`;
  const sentences = [`The form has no file. Send one in ${place}.`, ...explain(request, clues)];
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_REQUIRED',
    message: sentences.join(' '),
  });
}

/** The two ways in which clients lose a file: as text, and without a name. */
function explain(
  { body }: ParsedRequest,
  { maxCounts, namelessField }: MissingFileClues,
): readonly string[] {
  const remedy = 'a file has a file name, as in filename="a.png".';
  if (namelessField !== undefined) {
    return [`The field ${quoteText(namelessField)} has content without a name: ${remedy}`];
  }
  const texts = new Set(Object.keys(body ?? {}));
  const text = [...(maxCounts?.keys() ?? [])].find(name => texts.has(name));
  return text === undefined ? [] : [`The field ${quoteText(text)} was sent as text: ${remedy}`];
}

/** A list, or something for every field: a list too, or what another parser puts there. */
function hasAny(files: unknown): boolean {
  if (Array.isArray(files)) return files.length > 0;
  return Object.values(files ?? {}).some(found => !Array.isArray(found) || found.length > 0);
}
