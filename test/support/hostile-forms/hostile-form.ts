/** A request with a form, byte for byte, and what is known of it. */
export interface HostileForm {
  /** The generator's name. */
  readonly family: string;
  /** The `Content-Type` of the request. */
  readonly contentType: string;
  /** The body. */
  readonly body: Buffer;
  /** The contents of its files, when it is well-formed: it then has to be accepted. */
  readonly files?: readonly Buffer[];
  /**
   * Offsets at which the body is split into writes.
   * @defaultValue none
   */
  readonly splits?: readonly number[];
  /**
   * Sends the body in HTTP chunks, one per write.
   * @defaultValue false
   */
  readonly isChunked?: boolean;
  /**
   * Ends the connection before the announced length.
   * @defaultValue false
   */
  readonly isAbandoned?: boolean;
}

/** One part of a well-formed form. */
export interface Part {
  readonly head: string;
  readonly content: Buffer;
}

/** The bytes of a form. */
export function encodeParts(boundary: string, parts: readonly Part[]): Buffer {
  const chunks = parts.flatMap(({ head, content }) => [
    Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`),
    content,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]);
}

/** The head of a file's part. */
export function fileHead(field: string, name: string): string {
  return `content-disposition: form-data; name="${field}"; filename="${name}"`;
}

/** The head of a text field's part. */
export function textHead(field: string): string {
  return `content-disposition: form-data; name="${field}"`;
}
