import type { ChunkQueue } from '../../body/chunk-queue.js';
import {
  detectContentType,
  isAcceptedType,
  readMediaType,
  UNKNOWN_CONTENT_TYPE,
} from '../../body/content-type.js';
import { openSource } from '../../body/open-source.js';
import { quoteText } from '../../errors/client-text.js';
import { TypeRefusedError } from '../../errors/errors.js';
import { askApplication, untilAborted } from '../../operations/deadline.js';
import type { WxCloudStoredFile } from '../../storage/call-options.js';
import type { StorageContext } from '../../storage/storage-context.js';
import type { WxCloudHttpRequest } from '../request-origin.js';
import { FilePath, keptExtension } from '../cloud-path-option.js';
import type { UploadTransaction } from '../upload-transaction.js';
import { readDeclaredSize, readProgressId } from './client-values.js';
import { type FileHead, fileHeadsOf } from './file-heads.js';
import type { WxCloudIncomingFile, WxCloudUploadEngineOptions } from './upload-options.js';
import { type SizePrediction, uploadSource } from './upload-source.js';
import { progressListenerOf } from './upload-progress.js';

/** The form's description of a file, known before its content. */
type ClaimedFile = Pick<WxCloudIncomingFile, 'fieldname' | 'originalname' | 'mimetype'>;

/** A file of a form with everything needed to store it. */
interface FormFileCall {
  /** The application's options. */
  readonly options: WxCloudUploadEngineOptions;
  /** The instance that stores the file. */
  readonly context: StorageContext;
  /** The request that the file came with. */
  readonly request: WxCloudHttpRequest;
  /** The transaction of the request. */
  readonly transaction: UploadTransaction;
  /** The form's description of the file. */
  readonly file: ClaimedFile;
  /** The content. */
  readonly chunks: ChunkQueue;
  /** The maximum size in bytes, if it is known. */
  readonly mostBytes?: number | undefined;
  /**
   * The prediction of its size.
   * @defaultValue none
   */
  readonly prediction?: SizePrediction | undefined;
}

/** Stores one file of a form, and registers it with the request's transaction. */
export async function storeFormFile(
  call: FormFileCall,
): Promise<{ readonly stored: WxCloudStoredFile; readonly head: FileHead }> {
  const { context, transaction, chunks } = call;
  try {
    const sent = readSentValues(call);
    return await transaction.run(context, 'uploading', async signal => {
      // A small file is complete before it could be processed otherwise.
      await untilAborted(chunks.ready, signal);
      const { stored, head, isPathUnique } = await uploadChunks(call, sent, signal);
      await transaction.track({ fileId: stored.fileId, context, isPathUnique });
      signal.throwIfAborted();
      return { stored, head };
    });
  } finally {
    // Remaining chunks hold memory.
    void chunks.return();
  }
}

/** Reads the values that the client sent along with the form for one of its files. */
function readSentValues(call: FormFileCall) {
  const { options, request, transaction, chunks } = call;
  const { declaredSize, progressId } = options;
  const { fieldname } = call.file;
  const index = transaction.nextFileIndex();
  const size = declaredSize && readDeclaredSize(declaredSize, request, index);
  if (size !== undefined) chunks.assertMayHave(size);
  const id = progressId && readProgressId(progressId, request);
  if (id === undefined) return { size, onProgress: undefined };
  const onProgress = progressListenerOf(id, call, { index, fieldname });
  return { size, onProgress };
}

async function uploadChunks(
  call: FormFileCall,
  { size, onProgress }: ReturnType<typeof readSentValues>,
  signal: AbortSignal,
) {
  const { options, context, request, transaction, file, chunks, mostBytes, prediction } = call;
  const { fieldname, originalname, mimetype } = file;
  const claimed: ClaimedFile = { fieldname, originalname, mimetype };
  const source = await openSource({ queue: chunks, size, mostBytes }, context, signal);
  try {
    const { contentType, extension } = await decideType(source.head, options, claimed, signal);
    const head = fileHeadsOf(request, transaction, context.budget).keep(source.head);
    const facts = { ...claimed, contentType, extension };
    const path = new FilePath(options, facts, request, signal);
    const object = { contentType, onProgress, signal };
    const stored = await uploadSource(context, {
      source,
      path,
      object,
      // A declared size is not predicted, even where the file is kept for lack of memory.
      prediction: size === undefined ? prediction : undefined,
    });
    return { stored, head, isPathUnique: path.isUnique };
  } finally {
    await source.dispose();
  }
}

/**
 * Determines the type of a file and the matching extension from its first bytes. If they show no
 * type, the application may name the type, and the extension may come from the client's name.
 * @throws {@link TypeRefusedError} when the type is not accepted
 */
export async function decideType(
  head: Uint8Array,
  options: WxCloudUploadEngineOptions,
  file: ClaimedFile,
  signal: AbortSignal,
): Promise<Pick<WxCloudIncomingFile, 'contentType' | 'extension'>> {
  const detected = await detectContentType(head);
  const found = detected?.contentType ?? (await askForType(head, options, file, signal));
  const { contentTypes } = options;
  if (contentTypes !== undefined && !isAcceptedType(found, contentTypes)) {
    throw new TypeRefusedError({
      detectedType: found,
      accepted: contentTypes,
      subject: `file in the field ${quoteText(file.fieldname)}`,
      isEmpty: head.byteLength === 0,
    });
  }
  return {
    contentType: found ?? UNKNOWN_CONTENT_TYPE,
    extension: detected?.extension ?? keptExtension(file.originalname, options.keepExtension),
  };
}

async function askForType(
  head: Uint8Array,
  { detectContentType: detectOwn }: WxCloudUploadEngineOptions,
  file: ClaimedFile,
  signal: AbortSignal,
): Promise<string | undefined> {
  // A copy, as the original bytes are stored.
  const own = detectOwn?.(Buffer.from(head), file);
  // The value may come from the client: an invalid one must not fail the upload.
  return readMediaType(own && (await askApplication(own, signal)));
}
