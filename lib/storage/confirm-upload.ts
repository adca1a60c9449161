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
import { recordForm } from './direct-upload.js';
import { assertMaxBytes } from './download.js';
import {
  type WxCloudFileStat,
  type FetchedObject,
  fetchObject,
  type ObjectPart,
  readPart,
} from './read-object.js';
import { filesLost } from './settle-stored.js';
import type { StorageContext } from './storage-context.js';
import { LONGEST_TICKET_MS, type UploadTicket } from './upload-tickets.js';

/** Rules for a file that a client posted straight to the storage. */
export interface WxCloudConfirmUploadOptions extends WxCloudCallOptions {
  /**
   * The ticket of the form, as sent back by the client. A file that breaks a rule is deleted only
   * with it. Pass it unless your own records say that the file was confirmed before.
   * @defaultValue none: a file that breaks a rule is refused but not deleted
   */
  readonly ticket?: string | undefined;
  /**
   * Maximum size in bytes.
   * @defaultValue 104857600 (100 MiB)
   */
  readonly maxBytes?: number | undefined;
  /**
   * Accepted media types, e.g. `['image/*']`. The first bytes decide.
   * @defaultValue any
   */
  readonly contentTypes?: readonly string[] | undefined;
  /**
   * Returns the type of a file whose first bytes (up to 4100) show none. A text that is not a media
   * type counts as none.
   * @defaultValue none
   */
  readonly detectContentType?:
    ((head: Uint8Array) => string | undefined | Promise<string | undefined>) | undefined;
}

const DEFAULT_MAX_BYTES = 104_857_600;
/** Tolerance for `Last-Modified` and `Date`, which have a resolution of one second. */
const CLOCK_TOLERANCE_MS = 2_000;

/**
 * Checks a file that a client posted straight to the storage. A file that breaks a rule is deleted
 * if its ticket proves that it comes from a form of this application, and it was never confirmed.
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
        await settleConfirmed(context, fileId, ticket, signal);
        context.confirmed.add(fileId, lastTicketEnd(ticket));
        return { ...object.stat, contentType };
      }
      const isDeletable = ticket !== undefined && !context.confirmed.has(fileId);
      if (isDeletable && isOfForm(object, ticket)) await deleteRefused(context, fileId, ticket);
      throw refusal;
    }),
  );
}

/**
 * The time after which no ticket of a file is valid. A random path has one form, any other path has
 * any number.
 */
function lastTicketEnd(ticket: UploadTicket | undefined): number {
  return ticket?.storedSinceMs === 0 ? ticket.expiresAtMs : Date.now() + LONGEST_TICKET_MS;
}

interface PostedObject {
  readonly stat: WxCloudFileStat;
  /** The first bytes. */
  readonly head: Buffer;
  /** The time since it was stored, by the clock of the storage; NaN when unknown. */
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
    // An empty file has no first byte to request.
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

/** Resolves with the type of the first bytes, and with an error if the file breaks a rule. */
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
  // Where the bytes show no type, the application may know it.
  const isFit =
    fitsContent(stat.contentType, shown) ||
    (shown === undefined && found !== undefined && fitsContent(stat.contentType, found));
  if (isFit) return { contentType };
  const storedAs = describeStoredType(stat.contentType);
  return { contentType, refusal: new TypeRefusedError({ ...parts, storedAs }) };
}

/**
 * Describes the stored type for a message. The client may have chosen it, so its text is not
 * repeated.
 */
function describeStoredType(storedType: string): string {
  const { kind, contentType } = toServedType(storedType);
  return kind === 'unreadable'
    ? 'its stored type is not a media type'
    : `it was stored as ${contentType}`;
}

/**
 * True when the object comes from the form. A path that is not unique may have held an object
 * before.
 */
function isOfForm({ ageMs }: PostedObject, { storedSinceMs }: UploadTicket): boolean {
  return storedSinceMs === 0 || ageMs <= Date.now() - storedSinceMs + CLOCK_TOLERANCE_MS;
}

/**
 * Settles a file that is about to be confirmed. A sweep may have deleted it since it was read; once
 * it is settled no sweep will, so a last look tells. A file that is not confirmed after all is
 * recorded again.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PENDING_LOST`; `WX_CLOUD_FILE_NOT_FOUND`, and other
 * errors of reading an object
 */
async function settleConfirmed(
  context: StorageContext,
  fileId: string,
  ticket: UploadTicket | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (context.pending === undefined) return;
  const lost = await context.pending.settle([fileId]);
  if (lost.length > 0) throw filesLost(lost);
  try {
    const { response } = await fetchObject(context, { fileId, method: 'HEAD', signal });
    response.discard();
    signal.throwIfAborted();
  } catch (error) {
    // A file that was confirmed before has an owner, whom a sweep must not take it from.
    if (!context.confirmed.has(fileId)) await recordTicket(context, fileId, ticket);
    throw error;
  }
}

/**
 * Records a file until its form can store it no more. Only a ticket tells that, and that the path
 * is unique: at any other path a sweep could later find the file of another form.
 */
async function recordTicket(
  context: StorageContext,
  fileId: string,
  ticket: UploadTicket | undefined,
): Promise<void> {
  if (ticket?.storedSinceMs !== 0) return;
  await recordForm(context, fileId, ticket.expiresAtMs - Date.now());
}

/**
 * Deletes the checked object, and any newer one that the client posted with the same form. The file
 * stays recorded, as the client may post it again until the form expires.
 */
async function deleteRefused(
  context: StorageContext,
  fileId: string,
  ticket: UploadTicket,
): Promise<void> {
  await recordTicket(context, fileId, ticket);
  await deleteLeftovers({ ...context, pending: undefined }, [{ fileId, isPathUnique: true }]);
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
