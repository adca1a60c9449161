import type { TransferProgress } from '../../storage/index.js';
import { findProgressHubOfRequest } from '../application-instances.js';
import type { StoredFiles } from '../stored-files.js';
import type { WxCloudProgressId } from '../upload-options.js';
import type { WxCloudHttpRequest } from '../request-origin.js';
import { readProgressId } from './progress-id.js';
import type { RunningUpload } from './upload-progress-hub.js';

/** One file of a request that may be watched. */
export interface WatchedFile {
  /** Where the client sends the ID; undefined when uploads are not watched. */
  readonly progressId: WxCloudProgressId | undefined;
  /** The request. */
  readonly request: WxCloudHttpRequest;
  /** All files of the request. */
  readonly files: StoredFiles;
  /** Which one it is. */
  readonly index: number;
  /** The name of its form field. */
  readonly fieldname: string;
}

const runningUploads = new WeakMap<StoredFiles, RunningUpload>();

/**
 * What to tell the progress of a file to; undefined when nobody can watch it.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the client sent something else than an ID
 */
export function progressListenerOf(
  file: WatchedFile,
): ((progress: TransferProgress) => void) | undefined {
  const { progressId, request, index, fieldname } = file;
  const id = progressId && readProgressId(progressId, request);
  if (id === undefined) return undefined;
  const upload = runningUploads.get(file.files) ?? begin(file, id);
  return progress => upload?.report({ index, fieldname, ...progress });
}

function begin({ request, files }: WatchedFile, id: string): RunningUpload | undefined {
  const upload = findProgressHubOfRequest(request)?.begin(id);
  if (upload === undefined) return undefined;
  runningUploads.set(files, upload);
  files.onEnd(isSuccess => upload.end(isSuccess));
  return upload;
}
