import { ComingBody, LINE_END_BYTES } from '../../body/coming-body.js';
import type { ComingContent, OpenedSource } from '../../body/upload-body.js';
import { untilAborted } from '../../operations/deadline.js';
import type { UploadObjectCall, WxCloudStoredFile } from '../../storage/call-options.js';
import type { StorageContext } from '../../storage/storage-context.js';
import { EarlyLink, requestUploadLink } from '../../storage/upload-link.js';
import { storeSource, traceUpload, uploadObject } from '../../storage/upload.js';
import type { ChosenPath } from '../cloud-path-option.js';

/** The size that a file has if nothing follows it in its form. */
export interface SizePrediction {
  /** The predicted size. A form without its last line end has {@link LINE_END_BYTES} more. */
  readonly bytes: number;
  /** Resolves once the form has arrived completely. */
  untilWhole(): Promise<void>;
  /** Called with the outcome when the size is known. */
  record(isRight: boolean): void;
}

/** The path of a file, which may depend on its size. */
interface PathOfFile {
  /** True when the path may depend on the size. */
  readonly dependsOnSize: boolean;
  /** Chooses the path for a size. */
  choose(size: number): Promise<ChosenPath>;
}

/** A file to store, whose type is known. */
interface SourceUpload {
  /** Its content, of which the first bytes were read; the caller disposes of it. */
  readonly source: OpenedSource;
  /** Its path. */
  readonly path: PathOfFile;
  /** The rest of the call. */
  readonly object: Pick<UploadObjectCall, 'contentType' | 'onProgress' | 'event' | 'signal'>;
  /** The prediction of its size, if there is one. */
  readonly prediction: SizePrediction | undefined;
}

/** A file that is still arriving. */
type ComingUpload = SourceUpload & { readonly content: ComingContent };

/**
 * Stores a file. One that is still arriving is sent meanwhile: in parts with the option `cos`, and
 * otherwise if its size can be predicted. If not, at least its link is asked for. Both take a path
 * that does not depend on the size.
 * @throws {@link WxCloudStorageError} as {@link uploadObject} does
 */
export function uploadSource(
  context: StorageContext,
  upload: SourceUpload,
): Promise<WxCloudStoredFile> {
  const { object } = upload;
  return traceUpload(context, event =>
    uploadTraced(context, { ...upload, object: { ...object, event } }),
  );
}

async function uploadTraced(
  context: StorageContext,
  upload: SourceUpload,
): Promise<WxCloudStoredFile> {
  if (isPassedOn(context, upload)) return passOn(context, upload);
  const { coming: content } = upload.source;
  if (content === undefined || !isSentEarly(context)) return uploadWhole(context, upload);
  // The client is not held up by what comes first.
  content.keepOn();
  const release = upload.prediction && context.sendAheadSlots.tryTake();
  try {
    return release === undefined
      ? await uploadKept(context, upload)
      : await uploadAhead(context, { ...upload, content }, release);
  } finally {
    release?.();
  }
}

/** True when a file can go to the bucket while it arrives. */
function isPassedOn({ cos }: StorageContext, { path }: SourceUpload): boolean {
  return cos !== undefined && !path.dependsOnSize;
}

/**
 * Sends a file to the bucket while it arrives. A file at the end of its form is stored only after
 * the form has ended.
 */
async function passOn(
  context: StorageContext,
  { source, path, object, prediction }: SourceUpload,
): Promise<WxCloudStoredFile> {
  const chosen = await path.choose(0);
  const untilWanted = prediction && (() => untilAborted(prediction.untilWhole(), object.signal));
  return storeSource(context, source, { ...object, ...chosen, untilWanted });
}

/** True when files go to the storage by links, which are asked for and used early. */
function isSentEarly({ options, cos, isStorageReplaced }: StorageContext): boolean {
  return options.upload.sendAhead && cos === undefined && isStorageReplaced?.() !== true;
}

async function uploadWhole(
  context: StorageContext,
  { source, path, object }: SourceUpload,
): Promise<WxCloudStoredFile> {
  const body = await source.complete();
  return uploadObject(context, { ...object, body, ...(await path.choose(body.size)) });
}

/** Asks for the link while the file is kept. */
async function uploadKept(
  context: StorageContext,
  upload: SourceUpload,
): Promise<WxCloudStoredFile> {
  const { source, path, object } = upload;
  if (path.dependsOnSize) return uploadWhole(context, upload);
  const chosen = await path.choose(0);
  const earlyLink = askEarly(context, chosen, object.signal);
  try {
    const body = await earlyLink.whileNotRefused(source.complete());
    return await uploadObject(context, { ...object, body, ...chosen, earlyLink });
  } finally {
    earlyLink.dispose();
  }
}

/** Sends the file while it arrives, with its predicted size. */
async function uploadAhead(
  context: StorageContext,
  { source, content, path, object, prediction }: ComingUpload,
  onOver: () => void,
): Promise<WxCloudStoredFile> {
  const predictedBytes = prediction?.bytes ?? 0;
  const chosen = await path.choose(predictedBytes);
  const { signal } = object;
  const confirm = async (size: number): Promise<boolean> => {
    if (prediction !== undefined) await untilAborted(prediction.untilWhole(), signal);
    prediction?.record(true);
    return (await path.choose(size)).cloudPath === chosen.cloudPath;
  };
  const keep = async () => {
    const whole = await source.complete();
    const { size } = whole;
    prediction?.record(size === predictedBytes || size === predictedBytes + LINE_END_BYTES);
    return { body: whole, ...(await path.choose(size)) };
  };
  let keeping: ReturnType<typeof keep> | undefined;
  const body = new ComingBody({ content, predictedBytes, confirm, onOver, signal });
  const remove = context.sendAheadSlots.add(body);
  const earlyLink = askEarly(context, chosen, signal);
  try {
    const ahead = { body, complete: () => (keeping ??= keep()) };
    return await uploadObject(context, { ...object, body, ...chosen, ahead, earlyLink });
  } finally {
    remove();
    earlyLink.dispose();
  }
}

function askEarly(
  context: StorageContext,
  { cloudPath }: ChosenPath,
  signal: AbortSignal,
): EarlyLink {
  const ask = (path: string, until: AbortSignal) => requestUploadLink(context, path, until);
  return new EarlyLink(cloudPath, ask, signal);
}
