import {
  detectContentType,
  isAcceptedType,
  readMediaType,
  UNKNOWN_CONTENT_TYPE,
} from '../body/content-type.js';
import { fitsContent, toServedType } from '../body/served-type.js';
import { HEAD_BYTES } from '../body/upload-body.js';
import { FileTooLargeError, TypeRefusedError, WxCloudStorageError } from '../errors/errors.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { deleteLeftovers } from './clean-up.js';
import { assertMaxBytes } from './download.js';
import {
  type WxCloudFileStat,
  type FetchedObject,
  fetchObject,
  type ObjectPart,
  readPart,
} from './read-object.js';
import type { StorageContext } from './storage-context.js';
import { LONGEST_TICKET_MS, type UploadTicket } from './upload-tickets.js';

/** The rules for a file that a client has posted straight to the storage. */
export interface WxCloudConfirmUploadOptions extends WxCloudCallOptions {
  /**
   * The ticket of the form, as the client sends it back: only with it is a file deleted that breaks
   * a rule. Pass it on unless your own records say that the file was confirmed before.
   * @defaultValue none: a file that breaks a rule is refused, and stays
   */
  readonly ticket?: string | undefined;
  /** How many bytes it may have. @defaultValue 104857600 (100 MiB) */
  readonly maxBytes?: number | undefined;
  /** The types that are accepted, e.g. `['image/*']`: its first bytes decide. @defaultValue any */
  readonly contentTypes?: readonly string[] | undefined;
  /**
   * Names the type of a file in whose first bytes (up to 4100) none was found; a text that is no
   * media type names none.
   * @defaultValue none
   */
  readonly detectContentType?:
    ((head: Uint8Array) => string | undefined | Promise<string | undefined>) | undefined;
}

const DEFAULT_MAX_BYTES = 104_857_600;
/** `Last-Modified` and `Date` name whole seconds. */
const CLOCK_TOLERANCE_MS = 2_000;

/**
 * Checks a file that a client has posted straight to the storage. One that breaks a rule is deleted
 * if its ticket shows that it can only come from a form of this application, and it was never
 * confirmed.
 */
export async function confirmUpload(
  context: StorageContext,
  givenId: string,
  options: WxCloudConfirmUploadOptions,
): Promise<WxCloudFileStat> {
  assertRules(options);
  const { fileId } = context.fileIdScope.parse(givenId);
  const ticket = context.tickets.verify(fileId, options.ticket);
  return context.operations.run('confirming an upload', options, signal =>
    context.confirmed.inTurn(fileId, signal, async () => {
      const object = await readHead(context, fileId, signal);
      const { contentType, refusal } = await judge(object, options);
      if (refusal === undefined) {
        context.confirmed.add(fileId, lastTicketEnd(ticket));
        return { ...object.stat, contentType };
      }
      const isDeletable = ticket !== undefined && !context.confirmed.has(fileId);
      if (isDeletable && isOfForm(object, ticket)) await removeRefused(context, fileId);
      throw refusal;
    }),
  );
}

/**
 * The time after which no ticket of a file is good any more: a random path has one form, another
 * one any number.
 */
function lastTicketEnd(ticket: UploadTicket | undefined): number {
  return ticket?.storedSinceMs === 0 ? ticket.expiresAtMs : Date.now() + LONGEST_TICKET_MS;
}

interface PostedObject {
  readonly stat: WxCloudFileStat;
  /** Its first bytes. */
  readonly head: Buffer;
  /** The time since it was stored, by the storage's own clock; NaN when it does not say. */
  readonly ageMs: number;
}

async function readHead(
  context: StorageContext,
  fileId: string,
  signal: AbortSignal,
): Promise<PostedObject> {
  const range = { start: 0, end: HEAD_BYTES - 1 };
  const headers = { range: `bytes=${range.start}-${range.end}` };
  try {
    const fetched = await fetchObject(context, { fileId, method: 'GET', headers, signal });
    const part: ObjectPart = readPart(fetched, range);
    const head = await fetched.response.readBytes(part.end);
    if (head.byteLength !== part.end) throw cutShort(fileId);
    return { stat: part.stat, head, ageMs: readAge(fetched, part.stat) };
  } catch (error) {
    if (!isUnsatisfiable(error)) throw error;
    // An empty file has no first byte to ask for.
    return readEmpty(context, fileId, signal);
  }
}

async function readEmpty(
  context: StorageContext,
  fileId: string,
  signal: AbortSignal,
): Promise<PostedObject> {
  const fetched = await fetchObject(context, { fileId, method: 'HEAD', signal });
  const { stat } = readPart(fetched, undefined);
  fetched.response.discard();
  return { stat, head: Buffer.alloc(0), ageMs: readAge(fetched, stat) };
}

function readAge({ response }: FetchedObject, { lastModified }: WxCloudFileStat): number {
  return Date.parse(response.header('date') ?? '') - (lastModified?.getTime() ?? Number.NaN);
}

/** Resolves with the type of the first bytes, and the error for the rule that the file breaks. */
async function judge(
  { stat, head }: PostedObject,
  options: WxCloudConfirmUploadOptions,
): Promise<{
  readonly contentType: string;
  readonly refusal?: FileTooLargeError | TypeRefusedError;
}> {
  const { maxBytes = DEFAULT_MAX_BYTES, contentTypes, detectContentType: ask } = options;
  if (stat.size > maxBytes) {
    const refusal = new FileTooLargeError({ subject: stat.fileId, limitBytes: maxBytes });
    return { contentType: UNKNOWN_CONTENT_TYPE, refusal };
  }
  const shown = (await detectContentType(head))?.contentType;
  const found = shown ?? readMediaType(await ask?.(head));
  const contentType = found ?? UNKNOWN_CONTENT_TYPE;
  const parts = { detectedType: found, accepted: contentTypes ?? ['*/*'] };
  if (contentTypes !== undefined && !isAcceptedType(found, contentTypes)) {
    return { contentType, refusal: new TypeRefusedError(parts) };
  }
  // Where the bytes show nothing, the application may know better.
  const isFit =
    fitsContent(stat.contentType, shown) ||
    (shown === undefined && found !== undefined && fitsContent(stat.contentType, found));
  if (isFit) return { contentType };
  const storedAs = describeStoredType(stat.contentType);
  return { contentType, refusal: new TypeRefusedError({ ...parts, storedAs }) };
}

/** The client may have chosen the stored type, so that its text is not repeated. */
function describeStoredType(storedType: string): string {
  const { kind, contentType } = toServedType(storedType);
  return kind === 'unreadable'
    ? 'the type it was stored with is none'
    : `it was stored as ${contentType}`;
}

/** At a path that is not unique there may have been an object before the form was made. */
function isOfForm({ ageMs }: PostedObject, { storedSinceMs }: UploadTicket): boolean {
  return storedSinceMs === 0 || ageMs <= Date.now() - storedSinceMs + CLOCK_TOLERANCE_MS;
}

/**
 * Removes the object that was just judged; what a client has stored there since with the same form
 * goes with it.
 */
async function removeRefused(context: StorageContext, fileId: string): Promise<void> {
  await deleteLeftovers(context, [{ fileId, isPathUnique: true }]);
}

function assertRules({
  maxBytes = DEFAULT_MAX_BYTES,
  contentTypes,
}: WxCloudConfirmUploadOptions): void {
  assertMaxBytes(maxBytes);
  if (contentTypes === undefined) return;
  if (Array.isArray(contentTypes) && contentTypes.every(type => typeof type === 'string')) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: "contentTypes must be a list of media types, e.g. ['image/*']. Leave it out for any.",
  });
}

function isUnsatisfiable(error: unknown): boolean {
  return error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_RANGE_UNSATISFIABLE';
}

function cutShort(fileId: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_DOWNLOAD_FAILED',
    message: `GET object: the first bytes of ${fileId} did not arrive whole. Try again.`,
    retryable: true,
    endpoint: 'GET object',
  });
}
