const MIB = 1024 * 1024;
const sum = counts => Object.values(counts).reduce((total, count) => total + count, 0);
const list = counts =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
const mib = bytes => (bytes / MIB).toFixed(1);
const memory = ({ heapUsed, external, rss }) =>
  `heap ${mib(heapUsed)}, external ${mib(external)}, resident ${mib(rss)} MiB`;

/** Describes the figures that all soaks have, in lines. */
function describeCommonFigures(record) {
  const { requests, seconds, promised, kept, objects, orphans, faults, figures } = record;
  const count = sum(Object.values(requests).map(sum));
  const present = new Set(objects.map(({ fileId }) => fileId));
  const fates = fate => kept.filter(file => file.fate === fate).length;
  const left = orphans.filter(({ fileId }) => present.has(fileId)).length;
  return [
    `${record.adapter}: ${record.clients} clients for ${seconds} s, seed ${record.seed}`,
    `  requests   ${count} (${(count / seconds).toFixed(0)}/s), the longest ${(figures.longestMs / 1000).toFixed(1)} s`,
    `  files      ${kept.length} kept (${(kept.length / seconds).toFixed(0)}/s), ${promised.length} of them known to a client; ` +
      `${fates('deleted')} deleted, ${fates('deleting')} perhaps; ${objects.length} in the cloud`,
    `  exchanges  ${sum(figures.operations)}: ${list(figures.operations)}; uploads repeated ${figures.repeats}`,
    `  faults     ${sum(faults.injected)}: ${list(faults.injected)}; ${list(figures.expiries)}; ` +
      `rights taken away ${figures.changes.taken}, given back ${figures.changes.given}`,
    `  orphans    ${orphans.length} reported, ${left} of them in the cloud; log lines ${figures.logLines}`,
  ];
}

/** Describes the figures of a soak of one process, in lines. */
export function describeFigures(record) {
  const { shared } = record;
  const answeredTwice = shared.filter(({ answered }) => answered.length === 2).length;
  return [
    ...describeCommonFigures(record),
    `  shared     ${shared.length} paths, ${answeredTwice} of them answered twice; ` +
      `frozen ${record.freezes.count} times, with ${record.freezes.forms} forms half received`,
    `  left       temporary files ${record.temporary.names} + ${record.temporary.openHandles} open, ` +
      `connections ${record.connections}, streams ${record.openStreams}, handles ${list(record.handles.atEnd)}`,
    `  memory     after the warm-up ${memory(record.memory.afterWarmUp)}`,
    `             at the end        ${memory(record.memory.atEnd)}`,
  ];
}

/** Describes the figures of a soak of replicas, in lines. */
export function describeReplicaFigures(record) {
  const { deeds, pending, watches, perhaps } = record;
  const killed = sum(Object.values(record.requests).map(({ killed: count = 0 }) => count));
  const ends = {};
  for (const { end } of watches) ends[end] = (ends[end] ?? 0) + 1;
  return [
    ...describeCommonFigures(record),
    `  replicas   killed ${deeds.kill} times, in ${killed} requests; ${perhaps.length} files perhaps kept; ` +
      `Redis restarted ${deeds.restartRedis} times; swept ${deeds.sweep} times`,
    `  pending    ${pending.atStart} files before the last sweep, ${pending.left} after it`,
    `  watches    ${watches.length}: ${list(ends)}`,
  ];
}

const show = outcomes =>
  Object.entries(outcomes ?? {})
    .map(([outcome, count]) => `${outcome}×${count}`)
    .join(' ');

/** Formats the outcomes of the requests by kind, with a column for each soak. */
export function describeRequests(records) {
  const kinds = [...new Set(records.flatMap(({ expected }) => Object.keys(expected)))];
  const width = Math.max(...kinds.map(kind => kind.length));
  const columns = records.map(record => kinds.map(kind => show(record.requests[kind])));
  const widths = columns.map(column => Math.max(...column.map(cell => cell.length)) + 3);
  const line = (name, cells) =>
    `  ${name.padEnd(width + 2)}${cells.map((cell, index) => cell.padEnd(widths[index])).join('')}`.trimEnd();
  return [
    line(
      '',
      records.map(({ adapter }) => adapter),
    ),
    ...kinds.map((kind, row) =>
      line(
        kind,
        columns.map(column => column[row]),
      ),
    ),
  ];
}
