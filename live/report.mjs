const TITLES = { ok: 'ok         ', failed: 'FAILED     ', unsupported: 'unsupported' };

/** Prints the ways that were not tried, and what they need. */
export function printSkipped(skipped) {
  for (const { name, needs } of skipped) console.log(`not tried  ${name} (needs ${needs})`);
}

/** Prints the outcomes of one way, a line each. */
export function printOutcomes(name, outcomes) {
  console.log(`\n${name}`);
  for (const { check, status, ms, error } of outcomes) {
    const text = error === undefined ? '' : `: ${describeError(error)}`;
    console.log(`  ${TITLES[status]} ${check} (${ms} ms)${text}`);
  }
}

/** Prints the answers to the open questions of docs/deployment. */
export function printFacts(facts) {
  console.log('\nOpen questions of docs/deployment.md');
  for (const { question, way, answer } of facts) {
    console.log(`  ${question} [${way}]\n    ${answer}`);
  }
}

/** Describes an error in one line, by its code where it has one. */
export function describeError(error) {
  const text = String(error?.message ?? error).replaceAll(/\s+/g, ' ');
  return error?.code === undefined ? text : `${error.code}: ${text}`;
}
