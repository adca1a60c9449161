/** The reason why the image lab cannot start, in one line for the user. */
export class StartError extends Error {}

/** Describes any error that stopped the start in one line, without a stack. */
export function describeStartFailure(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  const line = reason.replaceAll(/\s+/g, ' ').trim();
  return error instanceof StartError ? line : `The image lab could not start: ${line}`;
}
