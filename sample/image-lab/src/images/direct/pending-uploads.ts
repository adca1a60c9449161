import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { WxCloudStorageService, type WxCloudUploadForm } from 'nestjs-wx-cloud-storage';
import { Gallery } from '../gallery.js';
import { ImageError } from '../image-error.js';
import { OPEN_FORMS } from '../limits.js';

/** What became of a form so far. */
type UploadState = 'open' | 'confirming' | 'confirmed';

/** The facts that confirming an upload needs. */
export interface ExpectedUpload {
  /** The name of its file, for people. */
  readonly name: string;
  /** The form's ticket: with it, a file that breaks a rule is deleted. */
  readonly ticket: string | undefined;
}

interface PendingUpload extends ExpectedUpload {
  state: UploadState;
  timer: NodeJS.Timeout;
}

/**
 * How long after its form has expired a file may still be on its way: the storage looks at the time
 * when it begins.
 */
const GRACE_MS = 60_000;

/** No form is remembered for longer, whatever end it names. */
const LONGEST_FORM_MS = 3_600_000;

/**
 * The forms that were handed out and can still be posted. When one has expired, its file is removed
 * unless the gallery has it: it was never confirmed, was refused, or came once more after its image
 * was deleted.
 */
@Injectable()
export class PendingUploads implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #uploads = new Map<string, PendingUpload>();
  #opening = 0;

  constructor(
    private readonly storage: WxCloudStorageService,
    private readonly gallery: Gallery,
  ) {}

  /**
   * Has a form made, and remembers it with the name of the file it is for.
   * @throws {ImageError} `LAB_BUSY`
   */
  async open(name: string, makeForm: () => Promise<WxCloudUploadForm>): Promise<WxCloudUploadForm> {
    if (this.#uploads.size + this.#opening >= OPEN_FORMS) {
      throw new ImageError('LAB_BUSY', 'Too many uploads are open. Try again in some minutes.');
    }
    this.#opening += 1;
    try {
      const form = await makeForm();
      this.#add(form, name);
      return form;
    } finally {
      this.#opening -= 1;
    }
  }

  /**
   * Begins to confirm an upload, which {@link settle} ends.
   * @throws {ImageError} `UPLOAD_UNKNOWN`
   */
  take(fileId: string): ExpectedUpload {
    const upload = this.#uploads.get(fileId);
    if (upload?.state === 'open') {
      upload.state = 'confirming';
      return upload;
    }
    throw new ImageError(
      'UPLOAD_UNKNOWN',
      'No upload with this file ID is expected: its form was not handed out here, was used, or has expired.',
    );
  }

  /**
   * The upload is confirmed, or open again: as long as its form is good, another file can be posted
   * with it.
   */
  settle(fileId: string, state: Exclude<UploadState, 'confirming'>): void {
    const upload = this.#uploads.get(fileId);
    if (upload !== undefined) upload.state = state;
  }

  /** Nobody can confirm anything any more. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#removeUnwanted([...this.#uploads.keys()]);
  }

  /** The server takes no requests any more, so that no timer can be added. */
  onApplicationShutdown(): void {
    for (const { timer } of this.#uploads.values()) clearTimeout(timer);
    this.#uploads.clear();
  }

  #add({ fileId, expiresAt, ticket }: WxCloudUploadForm, name: string): void {
    const leftMs = Math.min(expiresAt.getTime() - Date.now(), LONGEST_FORM_MS);
    const timer = this.#startTimer(fileId, leftMs + GRACE_MS);
    this.#uploads.set(fileId, { name, ticket, state: 'open', timer });
  }

  #startTimer(fileId: string, delayMs: number): NodeJS.Timeout {
    return setTimeout(() => void this.#expire(fileId), delayMs).unref();
  }

  async #expire(fileId: string): Promise<void> {
    const upload = this.#uploads.get(fileId);
    if (upload?.state === 'confirming') {
      // Its request decides; whatever it leaves is looked at again.
      upload.timer = this.#startTimer(fileId, GRACE_MS);
      return;
    }
    this.#uploads.delete(fileId);
    await this.#removeUnwanted([fileId]);
  }

  async #removeUnwanted(fileIds: readonly string[]): Promise<void> {
    const unwanted = fileIds.filter(
      fileId => this.#uploads.get(fileId)?.state !== 'confirming' && !this.gallery.has(fileId),
    );
    if (unwanted.length === 0) return;
    try {
      for (const outcome of await this.storage.deleteMany(unwanted)) {
        if (!outcome.ok) throw outcome.error;
      }
    } catch (error) {
      Logger.warn(
        `Files of unused forms could not be removed: ${String(error)}`,
        PendingUploads.name,
      );
    }
  }
}
