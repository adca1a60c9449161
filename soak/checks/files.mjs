import { pathOf } from '../support/paths.mjs';
import { findMixedUpPaths } from './shared-paths.mjs';

/**
 * The maximum time between the start of a clean-up and its report: its 10 seconds, and some for a
 * busy machine.
 */
const LONGEST_CLEANUP_MS = 11_000;

/** Finds files that are missing, changed or left behind. */
export function findMisplacedFiles(record) {
  const { kept, objects, orphans, shared, promised, perhaps } = record;
  const sharedByPath = new Map(shared.map(use => [use.path, use]));
  const isOwn = ({ fileId }) => !sharedByPath.has(pathOf(fileId));
  const keptById = new Map(kept.map(file => [file.fileId, file]));
  const objectsById = new Map(objects.map(object => [object.fileId, object]));
  const requestsWith = fileId =>
    sharedByPath.get(pathOf(fileId))?.answered ?? [keptById.get(fileId)];
  // After a sweep, none may be left of those that were reported.
  const excused = new Set(perhaps ?? orphans.map(({ fileId }) => fileId));
  return [
    ...kept.flatMap(file => checkKept(file, objectsById.get(file.fileId))),
    ...promised.flatMap(promise => checkPromise(promise, requestsWith(promise.fileId))),
    ...findMixedUpPaths(record),
    ...objects
      .filter(isOwn)
      .filter(({ fileId }) => !keptById.has(fileId) && !excused.has(fileId))
      .map(({ fileId }) => `${fileId} is left in the cloud, and nobody was told of it`),
    ...orphans
      .filter(isOwn)
      .flatMap(orphan => checkOrphan(orphan, keptById.get(orphan.fileId), record)),
  ];
}

function checkKept({ id, fileId, fate, sha256, contentType }, object) {
  if (object === undefined) {
    return fate === 'kept' ? [`${fileId} of request ${id} was kept and is not in the cloud`] : [];
  }
  if (fate === 'deleted') return [`${fileId} was deleted with success and is still in the cloud`];
  return [
    ...(object.sha256 === sha256 ? [] : [`${fileId} of request ${id} has another content`]),
    ...(object.isAlive ? [] : [`${fileId} of request ${id} is a dead file ID`]),
    ...(object.contentType === contentType
      ? []
      : [`${fileId} of request ${id} is stored as ${object.contentType}, not as ${contentType}`]),
  ];
}

/** Checks that the application has sent a success to its end if a client has read it to its end. */
function checkPromise({ id, fileId }, requests) {
  if (requests.some(request => request?.id === id)) return [];
  return [`${fileId} was promised to request ${id}, which the application did not complete`];
}

function checkOrphan({ fileId, reportedAtMs }, file, { faults, texts, perhaps }) {
  const { hitFileIds, askedFileIds, commonFaultsAtMs, expiriesAtMs } = faults;
  const wasHit = hitFileIds.includes(fileId);
  const isInTime = atMs => atMs <= reportedAtMs && atMs >= reportedAtMs - LONGEST_CLEANUP_MS;
  // A deletion that has arrived needs no new token or keys, unless its own have expired.
  const needsNew = !askedFileIds.includes(fileId) || expiriesAtMs.some(isInTime);
  const wasHitWithOthers = needsNew && commonFaultsAtMs.some(isInTime);
  // Replicas that start keep the machine so busy that a deletion may take too long.
  const isSwept = perhaps !== undefined;
  return [
    ...(file === undefined
      ? []
      : [`${fileId} of request ${file.id} was kept and reported as an orphan`]),
    ...(wasHit || wasHitWithOthers || isSwept
      ? []
      : [
          `${fileId} was reported as an orphan, but no fault kept it from being removed; ` +
            `the log says: ${texts.filter(text => text.includes(fileId)).join('; ')}`,
        ]),
  ];
}
