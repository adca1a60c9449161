import { randomUUID } from 'node:crypto';
import {
  detectContentType,
  isAcceptedType,
  readMediaType,
  UNKNOWN_CONTENT_TYPE,
  type DetectedType,
} from '../body/index.js';
import { TypeRefusedError } from '../errors/index.js';
import { quoteText } from '../form/index.js';
import type { StoragePlan } from '../storage/index.js';
import { askApplication } from './ask-application.js';
import { chooseCloudPath } from './cloud-path-option.js';
import { keptExtension } from './kept-extension.js';
import type {
  WxCloudHttpRequest,
  WxCloudIncomingFile,
  WxCloudUploadEngineOptions,
} from './upload-options.js';

/** What a form tells of a file before its content. */
export type ClaimedFile = Pick<WxCloudIncomingFile, 'fieldname' | 'originalname' | 'mimetype'>;

/** Decides about one file: whether its type is wanted, and where it goes. */
export class FileIntake {
  readonly #options: WxCloudUploadEngineOptions;
  readonly #request: WxCloudHttpRequest;
  readonly #file: ClaimedFile;
  readonly #uuid = randomUUID();
  #type: Partial<DetectedType> = {};

  /** Takes what the application wants, and what the form says. */
  constructor(options: WxCloudUploadEngineOptions, request: WxCloudHttpRequest, file: ClaimedFile) {
    this.#options = options;
    this.#request = request;
    this.#file = file;
  }

  /** Finds the type in the first bytes. @throws {@link TypeRefusedError} when it is not accepted */
  async inspect(head: Uint8Array, signal: AbortSignal): Promise<void> {
    const { contentTypes, detectContentType: detectOwn } = this.#options;
    const detected = await detectContentType(head);
    if (detected !== undefined) this.#type = detected;
    else {
      // A copy, as these are the very bytes that are stored.
      const own = detectOwn?.(Buffer.from(head), this.#file);
      // It may be the client's own word, handed on: no upload is to be refused for that.
      const contentType = readMediaType(own && (await askApplication(own, signal)));
      if (contentType !== undefined) this.#type = { contentType };
    }
    const { contentType } = this.#type;
    if (contentTypes !== undefined && !isAcceptedType(contentType, contentTypes)) {
      const { fieldname } = this.#file;
      throw new TypeRefusedError({
        detectedType: contentType,
        accepted: contentTypes,
        subject: `file in the field ${quoteText(fieldname)}`,
        isEmpty: head.byteLength === 0,
      });
    }
  }

  /** Decides where the file goes, now that its size is known too. */
  async plan(size: number, signal: AbortSignal): Promise<StoragePlan> {
    const { fieldname, originalname, mimetype } = this.#file;
    const {
      contentType = UNKNOWN_CONTENT_TYPE,
      extension = keptExtension(originalname, this.#options.keepExtension),
    } = this.#type;
    const file: WxCloudIncomingFile = {
      uuid: this.#uuid,
      fieldname,
      originalname,
      mimetype,
      contentType,
      extension,
      size,
    };
    const chosen = await chooseCloudPath(this.#options, file, this.#request, signal);
    return { ...chosen, contentType };
  }
}
