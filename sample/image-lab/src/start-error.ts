/** Why the image lab cannot start, in one line for the person who started it. */
export class StartError extends Error {}

/** One line about anything that stopped the start; no stack. */
export function describeStartFailure(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  const line = reason.replaceAll(/\s+/g, ' ').trim();
  return error instanceof StartError ? line : `The image lab could not start: ${line}`;
}
