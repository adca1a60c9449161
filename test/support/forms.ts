/** The smallest PNG: one pixel. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** A PNG's first bytes with as much behind them as wanted. */
export function pngOfSize(bytes: number): Buffer {
  return Buffer.concat([PNG, Buffer.alloc(bytes - PNG.byteLength, 7)]);
}

/** One part of a form. */
export type FormPart =
  | { readonly field: string; readonly text: string }
  | {
      readonly field: string;
      readonly file: Buffer;
      readonly name?: string;
      readonly type?: string;
    };

/** Makes a form as a browser does. */
export function makeForm(parts: readonly FormPart[]): FormData {
  const form = new FormData();
  for (const part of parts) {
    if ('text' in part) form.append(part.field, part.text);
    else {
      const blob = new Blob([new Uint8Array(part.file)], { type: part.type ?? 'image/png' });
      form.append(part.field, blob, part.name ?? 'photo.png');
    }
  }
  return form;
}

/** Status and JSON body of a response. */
export interface JsonResponse {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Posts a form and reads the JSON response. */
export async function postForm(url: string, parts: readonly FormPart[]): Promise<JsonResponse> {
  const response = await fetch(url, { method: 'POST', body: makeForm(parts) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
