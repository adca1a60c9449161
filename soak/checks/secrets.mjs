/**
 * The length of the prefix by which secrets are looked up, because there may be thousands of them.
 */
const KEY_LENGTH = 10;
const LONGEST_QUOTE = 200;

/** Finds texts in logs and responses that contain a secret. */
export function findSecrets({ texts, secrets }) {
  const byKey = new Map();
  for (const secret of secrets) {
    const key = secret.slice(0, KEY_LENGTH);
    byKey.set(key, [...(byKey.get(key) ?? []), secret]);
  }
  return texts
    .filter(text => holdsSecret(text, byKey))
    .map(text => `a secret was shown: ${text.slice(0, LONGEST_QUOTE)}`);
}

function holdsSecret(text, byKey) {
  for (let start = 0; start + KEY_LENGTH <= text.length; start += 1) {
    const candidates = byKey.get(text.slice(start, start + KEY_LENGTH)) ?? [];
    if (candidates.some(secret => text.startsWith(secret, start))) return true;
  }
  return false;
}
