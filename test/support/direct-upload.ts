import type { WxCloudStorageService } from '../../lib/index.js';

/** The content that a client posts with an upload form. */
export interface DirectUpload {
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** Fields that the client adds or changes. */
  readonly fields?: Readonly<Record<string, string>>;
  /**
   * The cloud path.
   * @defaultValue a random path
   */
  readonly cloudPath?: string;
}

/** Posts a file past the application, as a client does that changes the form. */
export async function storeWithField(
  storage: WxCloudStorageService,
  { body, fields, cloudPath }: DirectUpload,
): Promise<{ readonly fileId: string }> {
  const { url, fields: given, fileId } = await storage.createUploadForm(cloudPath);
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...given, ...fields })) form.append(name, value);
  form.append('file', new Blob([body]));
  const response = await fetch(url, { method: 'POST', body: form });
  if (!response.ok) throw new Error(`The form was answered ${response.status}.`);
  return { fileId };
}
