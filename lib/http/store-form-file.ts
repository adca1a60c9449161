import { storeSource, type StorageContext, type StoredCloudFile } from '../storage/index.js';
import { untilAborted } from '../transport/index.js';
import { readDeclaredSize } from './declared-size.js';
import { fileHeadsOf, NO_HEAD, type FileHead } from './file-heads.js';
import { FileIntake, type ClaimedFile } from './file-intake.js';
import type { PieceQueue } from './piece-queue.js';
import { progressListenerOf } from './progress/index.js';
import type { StoredFiles } from './stored-files.js';
import type { WxCloudHttpRequest, WxCloudUploadEngineOptions } from './upload-options.js';

/** A file of a form, and what becomes of it. */
export interface FormFileCall {
  /** What the application wants. */
  readonly options: WxCloudUploadEngineOptions;
  /** The instance that stores it. */
  readonly context: StorageContext;
  /** What it came with. */
  readonly request: WxCloudHttpRequest;
  /** All files of the request. */
  readonly files: StoredFiles;
  /** What the form says of it. */
  readonly file: ClaimedFile;
  /** Its content. */
  readonly pieces: PieceQueue;
  /** The most bytes that it can have, where that is known. */
  readonly mostBytes?: number | undefined;
}

/** A file of a form that is in the storage. */
export interface StoredFormFile {
  /** Where and as what. */
  readonly stored: StoredCloudFile;
  /** Its first bytes. */
  readonly head: FileHead;
}

/** Stores one file of a form; it belongs to the request until that is answered. */
export async function storeFormFile(call: FormFileCall): Promise<StoredFormFile> {
  try {
    return await storePieces(call);
  } finally {
    // Their remains hold memory.
    void call.pieces.return();
  }
}

async function storePieces(call: FormFileCall): Promise<StoredFormFile> {
  const { options, context, request, files, file, pieces } = call;
  const { fieldname, originalname, mimetype } = file;
  const intake = new FileIntake(options, request, { fieldname, originalname, mimetype });
  const { declaredSize, progressId } = options;
  const index = files.takeIndex();
  const size = declaredSize && readDeclaredSize(declaredSize, request, index);
  if (size !== undefined) pieces.assertMayHave(size);
  const onProgress = progressListenerOf({ progressId, request, files, index, fieldname });
  const heads = fileHeadsOf(request, files, context.budget);
  return files.run(context, 'uploading', async signal => {
    // A small file is there as a whole before anything could be done with it.
    await untilAborted(pieces.ready, signal);
    let head: FileHead = NO_HEAD;
    const { stored, isPathUnique } = await storeSource(context, {
      from: { queue: pieces, size, mostBytes: call.mostBytes },
      inspectHead: async bytes => {
        await intake.inspect(bytes, signal);
        head = heads.keep(bytes);
      },
      plan: body => intake.plan(body.size, signal),
      onProgress,
      signal,
    });
    await files.add({ fileId: stored.fileId, context, isPathUnique });
    signal.throwIfAborted();
    return { stored, head };
  });
}
