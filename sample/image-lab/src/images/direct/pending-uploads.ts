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

/** The state of a form. */
type UploadState = 'open' | 'confirming' | 'confirmed';

/** The facts that are needed to confirm an upload. */
export interface ExpectedUpload {
  /** The display name of the file. */
  readonly name: string;
  /** The form's ticket, which permits deleting a file that breaks a rule. */
  readonly ticket: string | undefined;
}

interface PendingUpload extends ExpectedUpload {
  state: UploadState;
  timer: NodeJS.Timeout;
}

/**
 * The time after a form's expiry in which its upload may still be running: the storage checks the
 * expiry only at the start.
 */
const GRACE_MS = 60_000;

/** The maximum time for which a form is kept, whatever its expiry. */
const LONGEST_FORM_MS = 3_600_000;

/**
 * The forms that can still be posted. When a form has expired, its file is deleted unless it is in
 * the gallery: it was never confirmed, was refused, or was uploaded again after its image was
 * deleted.
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
   * Creates a form, and stores it with the name of its file.
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
   * Starts to confirm an upload; {@link settle} ends this.
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
   * Ends a confirmation: the upload is confirmed, or open again. While its form is valid, another
   * file can be posted with it.
   */
  settle(fileId: string, state: Exclude<UploadState, 'confirming'>): void {
    const upload = this.#uploads.get(fileId);
    if (upload !== undefined) upload.state = state;
  }

  /** Deletes the files of all pending forms, because they can no longer be confirmed. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#removeUnwanted([...this.#uploads.keys()]);
  }

  /** Stops the timers. The server accepts no more requests, so none can be added. */
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
      // The running request decides; afterwards the file is checked again.
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
