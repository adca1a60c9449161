import { WxCloudStorageError } from '../errors/index.js';
import { formInvalid, NAME_REMEDY, notAForm, quoteText, type FormClues } from '../form/index.js';
import { listFields, type FileSelection } from './file-places.js';

/** A request whose form was read. */
export interface ParsedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly file?: unknown;
  readonly files?: unknown;
  readonly body?: unknown;
}

/** The knowledge of a form that explains why it has no file. */
export interface MissingFileClues extends FormClues {
  /** The fields that take files; undefined when all do. */
  readonly maxCounts?: FileSelection['maxCounts'];
}

/** Number of text fields a message names. */
const MOST_TEXTS = 3;

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

/** The ways in which clients lose a file. */
function explain(request: ParsedRequest, clues: MissingFileClues): readonly string[] {
  const { namelessField, emptyField, foreignPart } = clues;
  if (namelessField !== undefined) {
    return [`The field ${quoteText(namelessField)} has content without a name: ${NAME_REMEDY}.`];
  }
  const texts = Object.keys(request.body ?? {});
  const mistaken = texts.find(name => clues.maxCounts?.has(name));
  if (mistaken !== undefined) {
    return [`The field ${quoteText(mistaken)} was sent as text: ${NAME_REMEDY}.`];
  }
  if (emptyField !== undefined) {
    return [`The field ${quoteText(emptyField)} was left empty: it has no name and no content.`];
  }
  if (texts.length > 0) return [`It has only text, in ${listTexts(texts)}: ${NAME_REMEDY}.`];
  if (foreignPart === undefined) return [];
  return [`Its part ${foreignPart} has no Content-Disposition of form-data, and was passed over.`];
}

function listTexts(names: readonly string[]): string {
  const listed = names.slice(0, MOST_TEXTS).map(quoteText).join(', ');
  const more = names.length - MOST_TEXTS;
  return more > 0 ? `${listed} and ${more} more` : listed;
}

/** A list, or something for every field: a list too, or what another parser puts there. */
function hasAny(files: unknown): boolean {
  if (Array.isArray(files)) return files.length > 0;
  return Object.values(files ?? {}).some(found => !Array.isArray(found) || found.length > 0);
}
