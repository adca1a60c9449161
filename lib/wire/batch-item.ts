import { readFileIdForm, isAddressOf, isSameFile, type FileIdForm } from './file-id-form.js';
import type { JsonObject } from './decoding.js';

/** The members that every item of a batch answer has. */
export interface BatchItemStatus {
  /** 0 when this file's part went well; NaN when it is no number. */
  readonly status: number;
  /** WeChat's text for this file, e.g. `STORAGE_FILE_NONEXIST`. */
  readonly errmsg: string;
}

/** An item of a batch answer and the raw object it came from. */
export interface BatchItem extends BatchItemStatus {
  /** The item as it came. */
  readonly raw: JsonObject;
  /** The file ID as the item spells it; undefined when it has none. */
  readonly fileId: string | undefined;
}

/** File APIs take at most this many files a call. @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/download.html */
export const BATCH_LIMIT = 50;

/** The spellings of documents and SDKs. */
const ID_NAMES = ['fileid', 'file_id', 'fileID', 'fileId'] as const;

/**
 * Reads one item of a batch answer; undefined for what is not an item. A bare string is the ID of a
 * file that went well: the delete page's type column says so, though its sample shows objects.
 */
export function decodeBatchItem(value: unknown): BatchItem | undefined {
  if (typeof value === 'string') return { raw: {}, fileId: value, status: 0, errmsg: '' };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const raw = value as JsonObject;
  const said = ID_NAMES.map(name => raw[name]).find(id => id !== undefined && id !== null);
  const { status, errmsg } = raw;
  return {
    raw,
    fileId: said === undefined || said === '' ? undefined : String(said),
    status: readStatus(status),
    errmsg: typeof errmsg === 'string' ? errmsg : '',
  };
}

/** Absent means 0; what is neither a number nor its text is NaN, and so no success. */
function readStatus(status: unknown): number {
  if (status === undefined) return 0;
  if (typeof status === 'string' && status.trim() !== '') return Number(status);
  return typeof status === 'number' ? status : NaN;
}

/** An item, and which file it says to be about. */
interface Candidate {
  readonly item: BatchItem;
  readonly form: FileIdForm | undefined;
  readonly link: string | undefined;
}

/**
 * Finds the item of each file, in the order of the files; undefined for a file of which no item can
 * be told to be. An ID decides, in whatever form it comes back: no two files of a call have the
 * same normal form. An item without one counts for the file at its position, if there are as many
 * items as files: one with a link when the link is that file's, another one when nothing in the
 * list stands elsewhere.
 */
export function matchBatchItems(
  list: readonly unknown[],
  fileIds: readonly string[],
  linkOf: (item: BatchItem) => string | undefined = () => undefined,
): readonly (BatchItem | undefined)[] {
  const candidates = list.map(value => toCandidate(decodeBatchItem(value), linkOf));
  const asked = fileIds.map(readFileIdForm);
  const isComplete = candidates.length === asked.length;
  const isInOrder =
    isComplete && candidates.every((one, index) => standsFor(one, asked[index]) !== false);
  return asked.map((form, index) => {
    const named =
      candidates.find(one => one?.item.fileId === fileIds[index]) ??
      candidates.find(one => one?.form !== undefined && isSameFile(one.form, form));
    if (named !== undefined) return named.item;
    const here = isComplete ? candidates[index] : undefined;
    if (here === undefined || here.form !== undefined) return undefined;
    const isItsOwn = standsFor(here, form) ?? isInOrder;
    return isItsOwn ? here.item : undefined;
  });
}

function toCandidate(
  item: BatchItem | undefined,
  linkOf: (item: BatchItem) => string | undefined,
): Candidate | undefined {
  if (item === undefined) return undefined;
  const form = item.fileId === undefined ? undefined : readFileIdForm(item.fileId);
  return { item, form, link: linkOf(item) };
}

/**
 * True when an item is that of a file, by its ID or else its link; undefined when it has neither.
 */
function standsFor(one: Candidate | undefined, asked: FileIdForm | undefined): boolean | undefined {
  if (one === undefined || asked === undefined) return undefined;
  if (one.form !== undefined) return isSameFile(one.form, asked);
  return one.link === undefined ? undefined : isAddressOf(one.link, asked);
}

/** Whether an item says that there is no such file (or one whose `x-cos-meta-fileid` is dead, which WeChat reports alike). */
export function saysFileIsMissing(item: BatchItemStatus): boolean {
  return item.status === -503003 || /STORAGE_FILE_NONEXIST/.test(item.errmsg);
}
