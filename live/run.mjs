// The live suite: the main operations against a real environment. README.md says which variables
// it reads and how to read its report.
import { printFacts, printOutcomes, printSkipped } from './report.mjs';
import { FACTS, runWay } from './run-way.mjs';
import { findWays } from './ways.mjs';

const { ways, skipped } = findWays(process.env);
printSkipped(skipped);
if (ways.length === 0) {
  console.error('Nothing can be run with these variables. live/README.md lists them.');
  process.exitCode = 1;
}

const answered = [];
for (const way of ways) {
  const { outcomes, answers } = await runWay(way);
  printOutcomes(way.name, outcomes);
  answered.push(...answers);
  if (outcomes.some(({ status }) => status === 'failed')) process.exitCode = 1;
}
const unanswered = FACTS.filter(({ question }) =>
  answered.every(each => each.question !== question),
);
printFacts([
  ...answered,
  ...unanswered.map(({ question }) => ({
    question,
    way: '-',
    answer: 'not tried: no way allows it',
  })),
]);
