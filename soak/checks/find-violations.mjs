import { findMisplacedFiles } from './files.mjs';
import { findSecrets } from './secrets.mjs';
import { pathOf } from '../support/paths.mjs';

/** The words of the warning about parts in the bucket; docs/bucket-access.md describes it. */
const WARNING_OF_PARTS = 'Parts of a failed upload to';
/** The permitted growth of memory between the warm-up and the end, as a share. */
const MOST_GROWTH = 0.1;

/** Describes all violations in the record of a soak; returns an empty list if there are none. */
export function findViolations(record) {
  return [
    ...findIdleness(record),
    ...findEmptyProof(record),
    ...findUnexpectedAnswers(record),
    ...findMisplacedFiles(record),
    ...findLeftovers(record),
    ...findUnfinishedUploads(record),
    ...findGrowth(record),
    ...findSecrets(record),
    ...findIncidents(record, [record.exitCode]),
  ];
}

/** The same for a soak of replicas that are killed. */
export function findReplicaViolations(record) {
  return [
    ...findEmptyProof(record),
    ...findUnexpectedAnswers(record),
    ...findMisplacedFiles(record),
    ...findReplicaLeftovers(record),
    ...findBrokenWatches(record),
    ...findSecrets(record),
    ...findIncidents(record, record.exitCodes),
  ];
}

function findIncidents({ incidents, errorOutput }, exitCodes) {
  return [
    ...incidents.map(text => `incident in the application: ${text}`),
    ...(errorOutput === '' ? [] : [`the application wrote errors: ${errorOutput}`]),
    ...exitCodes.filter(code => code !== 0).map(code => `the application ended with ${code}`),
  ];
}

/** Finds signs of an idle soak, which would prove nothing. */
function findIdleness({ shared, freezes }) {
  return [
    ...(shared.some(({ answered }) => answered.length > 0) ? [] : ['no path was stored at twice']),
    ...(freezes.forms > 0 || freezes.isWanted === false
      ? []
      : ['the application was not frozen with a form half received']),
  ];
}

/** Finds signs of a soak without files or faults. */
function findEmptyProof({ promised, faults, faultShare }) {
  const counted = new Set([...Object.keys(faults.injected), ...Object.keys(faults.tookEffect)]);
  const lost = [...counted].filter(kind => faults.injected[kind] !== faults.tookEffect[kind]);
  return [
    ...(promised.length > 0 ? [] : ['no file was stored at all']),
    ...(faultShare === 0 || counted.size > 0 ? [] : ['no fault was injected at all']),
    ...lost.map(
      kind =>
        `of ${faults.injected[kind] ?? 0} faults "${kind}", ${faults.tookEffect[kind] ?? 0} took effect`,
    ),
  ];
}

function findUnexpectedAnswers({ requests, expected, examples, mismatches }) {
  const unexpected = Object.entries(requests).flatMap(([kind, outcomes]) =>
    Object.entries(outcomes)
      .filter(([outcome]) => !expected[kind].map(String).includes(outcome))
      .map(([outcome, count]) => {
        const example = examples[kind]?.[outcome] ?? '';
        return `"${kind}" ended with ${outcome}, ${count} times; the last one was ${example}`;
      }),
  );
  const changed = mismatches.map(
    ({ id, fileId }) => `request ${id} was given another content for ${fileId}`,
  );
  return [...unexpected, ...changed];
}

function findLeftovers({ isIdle, hasClosed, openStreams, temporary, handles, connections }) {
  const types = new Set([...Object.keys(handles.atStart), ...Object.keys(handles.atEnd)]);
  const changed = [...types].filter(type => handles.atStart[type] !== handles.atEnd[type]);
  const { names, openHandles } = temporary;
  return [
    ...(isIdle ? [] : ['the application did not become idle']),
    ...(hasClosed ? [] : ['the application did not close while clients held on to it']),
    ...(openStreams === 0 ? [] : [`${openStreams} HTTP/2 streams are still open`]),
    ...(names === 0 ? [] : [`${names} temporary files are left`]),
    ...(openHandles === 0 ? [] : [`${openHandles} temporary files without a name are still open`]),
    ...(connections === 0 ? [] : [`${connections} connections to the cloud are still open`]),
    ...changed.map(
      type =>
        `open handles "${type}": ${handles.atStart[type] ?? 0} at the start, ${handles.atEnd[type] ?? 0} at the end`,
    ),
  ];
}

/** Finds multipart uploads that stay in the bucket without a warning that names their paths. */
function findUnfinishedUploads({ unfinishedUploads, texts }) {
  const warnings = texts.filter(text => text.includes(WARNING_OF_PARTS));
  const isNamed = fileId => warnings.some(text => text.includes(`"${pathOf(fileId)}"`));
  return unfinishedUploads
    .filter(fileId => !isNamed(fileId))
    .map(
      fileId =>
        `a multipart upload of ${fileId} is neither completed nor aborted, and nobody was told of it`,
    );
}

/** Finds what is left after the last sweep, and signs of replicas that were left alone. */
function findReplicaLeftovers({ isIdle, connections, unfinishedUploads, pending, deeds }) {
  return [
    ...(isIdle ? [] : ['the replicas did not become idle']),
    ...(connections === 0 ? [] : [`${connections} connections to the cloud are still open`]),
    ...(pending.left === 0 ? [] : [`${pending.left} files are still pending after the last sweep`]),
    ...unfinishedUploads.map(fileId => `the sweep has left parts of ${fileId} in the bucket`),
    ...(deeds.kill > 0 ? [] : ['no replica was killed']),
    ...(deeds.restartRedis > 0 ? [] : ['Redis was not restarted']),
  ];
}

/**
 * Finds watches that have not ended in time, or in another way than their upload. One whose replica
 * was killed, or that of its upload, may end in any way.
 */
function findBrokenWatches({ watches }) {
  const isRight = ({ end, outcome, isExcused }) => {
    if (end === 'overdue') return false;
    if (isExcused) return end !== 'stored' || outcome === 201 || outcome === 'killed';
    return outcome === 201 ? end === 'stored' : ['failed', 'unknown', 'open'].includes(end);
  };
  return [
    ...(watches.some(({ end }) => end === 'stored') ? [] : ['no watch saw a file stored']),
    ...watches
      .filter(watch => !isRight(watch))
      .map(({ id, end, outcome }) => `watch ${id} ended as ${end}, its upload with ${outcome}`),
  ];
}

/** Finds growth of memory. Checks buffers separately, because they are outside of the heap. */
function findGrowth({ memory: { afterWarmUp, atEnd } }) {
  const totalOf = ({ heapUsed, external }) => heapUsed + external;
  const figures = [
    ['heap', afterWarmUp.heapUsed, atEnd.heapUsed],
    ['heap and buffers', totalOf(afterWarmUp), totalOf(atEnd)],
  ];
  return figures
    .filter(([, before, after]) => after > before * (1 + MOST_GROWTH))
    .map(
      ([what, before, after]) =>
        `${what} grew from ${before} bytes after the warm-up to ${after} bytes at the end`,
    );
}
