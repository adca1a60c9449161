/** The progress of one file of a request. */
export interface FileProgress {
  /** The index of the file in the form, from 0. */
  readonly index: number;
  /** The name of the form field. */
  readonly fieldname: string;
  /** The number of bytes handed to the storage. */
  readonly transferredBytes: number;
  /** The size of the file in bytes. */
  readonly totalBytes: number;
}

/** The outcome of a request with files. */
export type UploadOutcome = 'stored' | 'failed';

/** News of one upload, on the topic of its progress ID. */
export interface UploadNews {
  /** The replica that sent it. */
  readonly from: string;
  /** Distinguishes the requests with one progress ID. */
  readonly run: string;
  /** Rises with each message of the request. */
  readonly turn: number;
  /** Files with changed progress, or all of them. */
  readonly files: readonly FileProgress[];
  /** The outcome, in the last message; undefined before. */
  readonly outcome: UploadOutcome | undefined;
  /** The only replica that it is for; undefined for all. */
  readonly to: string | undefined;
}

/** A question for uploads that run, or have just ended. */
export interface UploadQuestion {
  /** The progress ID. */
  readonly id: string;
  /** The age of the watcher in milliseconds: uploads that ended before it are of no interest. */
  readonly ageMs: number;
}

/** A message on the common topic of an environment. */
export type ReplicaNews =
  | { readonly from: string; readonly changed: readonly string[] | 'all' }
  | { readonly from: string; readonly questions: readonly UploadQuestion[] };

/** The most file IDs in one message. */
export const MOST_FILE_IDS = 500;
/** The most questions in one message. */
export const MOST_QUESTIONS = 100;
/** The most files in one message. */
export const MOST_FILES = 50;
/** The most characters of the file IDs in one message. */
export const MOST_ID_CHARACTERS = 65_536;
/** Longer messages are not read. */
const MOST_CHARACTERS = 262_144;
/** The most characters of the name of a form field; it is cut beyond. */
const MOST_NAME_CHARACTERS = 1_024;
/** The most characters of a file ID that can be valid. */
const MOST_FILE_ID_CHARACTERS = 4_096;
/** The most characters of the names of replicas and requests. */
const MOST_MARK_CHARACTERS = 64;
const HIGHEST_INDEX = 1_000_000;

/** Counts up when messages change so that older replicas would misread them. */
const VERSION = 1;
const PREFIX = 'wx-cloud-storage';

/** Returns the topic that all replicas of an environment subscribe to. */
export function newsTopic(env: string): string {
  return `${PREFIX}:${env}:news`;
}

/** Returns the topic of one progress ID. */
export function progressTopic(env: string, id: string): string {
  return `${PREFIX}:${env}:progress:${id}`;
}

/** Writes a message of the common topic. */
export function encodeReplicaNews(env: string, news: ReplicaNews): string {
  if ('changed' in news) return JSON.stringify({ v: VERSION, env, ...news });
  const questions = news.questions.map(({ id, ageMs }) => [id, Math.ceil(ageMs)]);
  return JSON.stringify({ v: VERSION, env, from: news.from, questions });
}

/** Writes a message of a progress ID. */
export function encodeUploadNews(env: string, id: string, news: UploadNews): string {
  const files = news.files.map(({ index, fieldname, transferredBytes, totalBytes }) => [
    index,
    fieldname.slice(0, MOST_NAME_CHARACTERS),
    transferredBytes,
    totalBytes,
  ]);
  return JSON.stringify({ v: VERSION, env, id, ...news, files });
}

/** Reads a message of the common topic; undefined for anything else. */
export function decodeReplicaNews(message: unknown, env: string): ReplicaNews | undefined {
  const { from, changed, questions } = parse(message, env) ?? {};
  if (!isMark(from)) return undefined;
  if (changed === 'all') return { from, changed };
  if (Array.isArray(changed)) {
    return { from, changed: changed.slice(0, MOST_FILE_IDS).filter(isFileId) };
  }
  if (!Array.isArray(questions)) return undefined;
  return { from, questions: questions.slice(0, MOST_QUESTIONS).flatMap(toQuestion) };
}

/** Reads a message of a progress ID; undefined for anything else. */
export function decodeUploadNews(
  message: unknown,
  env: string,
  expectedId: string,
): UploadNews | undefined {
  const { id, from, run, turn, files, outcome, to } = parse(message, env) ?? {};
  if (id !== expectedId || !isMark(from) || !isMark(run) || !isCount(turn)) return undefined;
  if (!Array.isArray(files) || !(to === undefined || isMark(to))) return undefined;
  if (outcome !== undefined && outcome !== 'stored' && outcome !== 'failed') return undefined;
  return { from, run, turn, files: files.slice(0, MOST_FILES).flatMap(toFile), outcome, to };
}

function parse(message: unknown, env: string): Readonly<Record<string, unknown>> | undefined {
  if (typeof message !== 'string' || message.length > MOST_CHARACTERS) return undefined;
  try {
    const given: unknown = JSON.parse(message);
    if (typeof given !== 'object' || given === null) return undefined;
    const members = given as Readonly<Record<string, unknown>>;
    return members['v'] === VERSION && members['env'] === env ? members : undefined;
  } catch {
    return undefined;
  }
}

function toQuestion(given: unknown): readonly UploadQuestion[] {
  const [id, ageMs] = Array.isArray(given) ? (given as unknown[]) : [];
  return isMark(id) && isCount(ageMs) ? [{ id, ageMs }] : [];
}

function toFile(given: unknown): readonly FileProgress[] {
  const [index, fieldname, transferredBytes, totalBytes] = Array.isArray(given)
    ? (given as unknown[])
    : [];
  const isNamed = typeof fieldname === 'string' && fieldname.length <= MOST_NAME_CHARACTERS;
  if (!isCount(index) || index > HIGHEST_INDEX || !isNamed) return [];
  if (!isCount(transferredBytes) || !isCount(totalBytes)) return [];
  return [{ index, fieldname, transferredBytes, totalBytes }];
}

function isMark(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MOST_MARK_CHARACTERS;
}

function isFileId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MOST_FILE_ID_CHARACTERS;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
