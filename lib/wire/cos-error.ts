/** The parts of COS's error document that matter here. @see https://cloud.tencent.com/document/api/436/7730 */
export interface CosError {
  /** E.g. `SlowDown`. */
  readonly code: string;
  /** COS's text. */
  readonly message: string;
  /** To be quoted to Tencent Cloud's support. */
  readonly requestId: string | undefined;
}

/** Finds COS's error document in an answer's body; undefined when the body holds none. */
export function decodeCosError(body: string): CosError | undefined {
  if (!/<Error[\s>]/.test(body)) return undefined;
  return {
    code: readElement(body, 'Code') ?? 'Unknown',
    message: readElement(body, 'Message') ?? '',
    requestId: readElement(body, 'RequestId'),
  };
}

function readElement(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}
