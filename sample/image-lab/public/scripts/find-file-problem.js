import { Failure, lab } from './api.js';

/** The first bytes of the files that the lab takes; a dot stands for any byte. */
const SIGNATURES = [
  /^\x89PNG/s,
  /^\xff\xd8\xff/s,
  /^GIF8/s,
  /^RIFF.{4}WEBP/s,
  /^.{4}ftyp(?:avif|avis|mif1|msf1)/s,
];
const LONGEST_SIGNATURE = 12;

/**
 * The reason not to send a file at all, as a `Failure`: it is too large, it is no image by the type
 * that the browser tells or by its first bytes, or it cannot be read (a folder, say). The server
 * checks the content again.
 */
export async function findFileProblem(file) {
  if (file.size > lab.fileSizeBytes) return Failure.tooLarge();
  if (file.type !== '' && !file.type.startsWith('image/')) return new Failure('error.type');
  try {
    const head = new Uint8Array(await file.slice(0, LONGEST_SIGNATURE).arrayBuffer());
    const text = String.fromCharCode(...head);
    return SIGNATURES.some(signature => signature.test(text))
      ? undefined
      : new Failure('error.type');
  } catch {
    return new Failure('error.fileUnreadable');
  }
}
