import { isInstalled, isSkippingAllowed, PROGRAMS } from './programs.mjs';

/** Before the first suite, one line for each program that is missing. */
export default function reportMissingPrograms() {
  const missing = Object.values(PROGRAMS).filter(program => !isInstalled(program));
  const lines = missing.map(
    ({ subject, install }) => `Skipped: ${subject}. To run these suites too: ${install}`,
  );
  if (lines.length === 0) return;
  if (!isSkippingAllowed) throw new Error(`Missing under CI=true.\n${lines.join('\n')}`);
  process.stderr.write(`${lines.join('\n')}\n`);
}
